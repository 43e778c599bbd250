"""A built bus in two tabs, and the world around it, as tests/scenarios.py wants them."""

import threading
import time
from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse, Response

from tests.e2e.support.sessions import Sessions
from tests.e2e.support.tab import Tab
from tests.scenarios import VERBS, Step

PATHS = {"AUTH.SSO": "exchange", "AUTH.EMAIL_AND_PASSWORD": "sign-in", "refresh": "refresh"}
SECONDS = 10
"""What does not come within that does not come."""

CLOCK = "{ const { now } = Date; window.ahead = 0; Date.now = () => now() + window.ahead; }"
"""The wall clock of each page, and how far the tests have put it ahead. Nothing else is changed."""


class Scene:
    """Plays steps. What a machine does that slept: the clocks of both buses are ahead, and they look."""

    def __init__(self, tab: Tab, sessions: Sessions, src: str, page: str) -> None:
        self._tab, self._sessions, self._src = tab, sessions, src
        self._ahead = 0.0
        self._told = 0
        tab.page.context.add_init_script(CLOCK)
        tab.goto(page)
        tab.run("(src) => take(src)", src)
        tab.run("(src) => openTab(src)", src)

    def do(self, step: Step) -> dict[str, Any]:
        """Play a step; return its result, and the time on the buses' clocks."""
        verb = next(each for each in VERBS if each in step)
        if verb in ("ready", "start", "ask", "end", "abort", "hears", "destroy"):
            came = self._run(f"(w, step) => w.seat.{verb}(step)", step, tab=step.get("in", 1))
        else:
            act: Callable[[Step], Any] = getattr(self, verb)
            came = act(step)
        now = self._tab.run("() => Date.now()") + self._ahead
        return {"came": came, "now": now}

    def begin(self) -> None:
        """Forget what the last scenario has left."""
        self.heal({})
        for what in list(self._sessions.held):
            self._let_go(what)
        self.online({})
        for tab in (2, 1):
            self._run("(w) => w.bus.request('BUS.DESTROY', { services: ['AUTH'] })", tab=tab)
        self._run("(w) => w.bus.request('AUTH.SIGN_OUT')")
        for tab in (1, 2):
            self._run("(w) => w.seat.hears({ hears: [] })", tab=tab)
        self._told = len(self._sessions.asked)

    # -- the steps that are not a host's ---------------------------------------------------------

    def renew(self, step: Step) -> None:
        self._run("(w) => w.bus.destroy()", tab=step["in"])
        self._run("(w, src) => w.take(src)", self._src, tab=step["in"])

    def move(self, step: Step) -> None:
        self._ahead += step["move"] * 1000
        self._sessions.ahead = self._ahead / 1000
        script = f"window.ahead = {self._ahead};"
        self._tab.page.context.add_init_script(script)  # for frames that are still to come
        for page in self._tab.page.context.pages:
            for frame in page.frames:
                if frame.url == self._src:
                    frame.evaluate(script + 'window.dispatchEvent(new Event("focus"));')

    def offline(self, _: Step) -> None:
        self._tab.page.context.set_offline(True)

    def online(self, _: Step) -> None:
        self._tab.page.context.set_offline(False)

    def refuse(self, _: Step) -> None:
        for family in self._sessions.families:
            family.revoked = True

    def fail(self, step: Step) -> None:
        of = step["as"]
        status, headers = of.get("status", 400), {}
        if "retryAfterSeconds" in of:
            headers["Retry-After"] = str(of["retryAfterSeconds"])
        bodies: dict[str, Callable[[], Response]] = {
            "REJECTED": lambda: JSONResponse(of["error"], status, headers),
            "BACKEND_ERROR": lambda: Response(b"", status, headers),
            "BACKEND_INVALID": lambda: JSONResponse({}, status, headers),
        }
        self._sessions.planned[PATHS[step["fail"]]] = bodies[of["code"]]()

    def heal(self, _: Step) -> None:
        self._sessions.planned.clear()

    def hold(self, step: Step) -> None:
        self._sessions.held[PATHS[step["hold"]]] = threading.Event()

    def release(self, step: Step) -> None:
        self._let_go(PATHS[step["release"]])

    def arrived(self, step: Step) -> None:
        what = PATHS[step["arrived"]]
        _until(lambda: what in self._asked())

    def backend(self, step: Step) -> list[str]:
        _until(lambda: len(self._asked()) >= len(step["backend"]))
        asked = self._asked()
        self._told += len(asked)
        return asked

    def _asked(self) -> list[str]:
        return [path.rpartition("/")[2] for path, _ in self._sessions.asked[self._told :]]

    def _let_go(self, what: str) -> None:
        self._sessions.held.pop(what).set()

    def _run(self, script: str, *args: Any, tab: int = 1) -> Any:
        window = {1: "window", 2: "window.other"}[tab]
        return self._tab.run(f"(...args) => ({script})({window}, ...args)", *args)


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
