"""`make bench`: measures what docs/architecture.md claims, as ratios within one run.

Each row is the median of repeated runs, taken in turns so that a busy moment hits all alike. Prints
a table, writes docs/bench.json and draws docs/bench.svg.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Playwright, sync_playwright

from host.tools.paths import ROOT
from tests.bench.chart import draw
from tests.bench.far import Far, far
from tests.bench.network import Speed
from tests.bench.pages import (
    make_exchanger,
    make_floor,
    make_next_release,
    make_penpal,
    make_stock,
    without_zstd,
)
from tests.bench.processor import slowed
from tests.bench.procfs import TICK, missing
from tests.bench.sessions import ISOLATED, ROUTES, Session, session
from tests.bench.weight import NOTHING, apart, idle, weigh
from tests.e2e.support.browsers import launch
from tests.e2e.support.engines import ENGINES
from tests.e2e.support.install import works
from tests.e2e.support.interpreter import STATE, core_of, with_interpreter
from tests.e2e.support.node_tools import node_tools
from tests.e2e.support.world import EXTRA_ROUTES, World

VARIANTS = ("bus", "stock", "floor")
GOALS = {
    ("chromium", "warm"): 0.2,
    ("chromium", "cold"): 0.25,
    ("firefox", "warm"): 0.25,
    ("firefox", "cold"): 0.25,
    ("webkit", "warm"): 0.25,
}
"""What READY may take, as a part of the stock page's time."""

PARTS = (
    "boot",
    "sign-in",
    "slowed",
    "transfer",
    "release",
    "session",
    "requests",
    "memory",
    "weight",
)
"""What `--only` names."""

SDKS = {"oidc_client_ts": "oidc-client-ts", "oidc_auth0": "auth0-spa-js"}
"""What signs in at an OpenID Connect provider without the bus, by the name of its page."""

OWN = ("client.js", "callback_bus.js")
"""The host's own files, which an app has on the page with its sign-in button as well: never cold."""

ROUNDS = 7
"""Of requests: the slowest percent differs by a fifth from one round to the next."""

WEIGHINGS = 2
"""At most so many runs, of a minute for each page: memory differs little from one to the next."""

FRESH = 780
"""Seconds before a session is refreshed: 15 minutes without the margin of 90 s, and 30 s for the pages to start."""

GAPS = ("chromium", "firefox")
"""Engines that give a frame of another site its own process, so that the host page stays responsive."""


@dataclass(frozen=True)
class Row:
    """One measured claim."""

    what: str
    value: float
    unit: str
    against: str
    goal: float | None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.value <= self.goal


class Bench:
    def __init__(self, world: World, playwright: Playwright, runs: int) -> None:
        self.world = world
        self.playwright = playwright
        self.runs = runs
        self.rows: list[Row] = []
        self.medians: dict[str, float] = {}
        self.sources = {
            "bus": world.bus(),
            "stock": world.bus("stock", change=make_stock),
            "floor": world.bus("floor", change=make_floor),
            "penpal": world.bus("penpal", change=make_penpal),
        }
        self.booting = {variant: self.sources[variant] for variant in VARIANTS}

    def row(
        self, what: str, value: float, against: str, goal: float | None, unit: str = "x"
    ) -> None:
        self.rows.append(Row(what, round(value, 3), unit, against, goal))
        print(f"{what}: {value:.3g} {unit} ({against}; goal {_goal(goal)})", flush=True)

    # -- boot ------------------------------------------------------------------------------------

    def boot(self, engine: str) -> None:
        warm: dict[str, list[dict[str, float]]] = defaultdict(list)
        cold: dict[str, list[dict[str, float]]] = defaultdict(list)
        watched: list[dict[str, float]] = []
        idle: list[float] = []
        for _ in range(self.runs):
            for variant, src in self.booting.items():
                with self.session(engine) as once:
                    cold[variant].append(once.boot(src))
        with self.session(engine) as often:
            for _ in range(3):  # browsers keep compiled code only of what they see again
                for src in self.booting.values():
                    often.boot(src)
            for _ in range(self.runs):
                for variant, src in self.booting.items():
                    warm[variant].append(often.boot(src))
                idle.append(often.idle(1000))
        for _ in range(self.runs if engine in GAPS else 0):
            with self.session(engine) as once:
                watched.append(once.boot(self.booting["bus"], watch=True))

        def median(of: list[dict[str, float]], key: str) -> float:
            return statistics.median(one[key] for one in of)

        for temper, of in (("warm", warm), ("cold", cold)):
            for variant in VARIANTS:
                self.medians[f"{engine} {temper} {variant}"] = round(median(of[variant], "ready"))
            ratio = median(of["bus"], "ready") / median(of["stock"], "ready")
            goal = GOALS.get((engine, temper))
            self.row(f"READY, {temper}, {engine}", ratio, "of stock PyScript's time", goal)
        if engine == "chromium":
            ratio = median(warm["bus"], "ready") / median(warm["floor"], "ready")
            self.row("READY, warm, chromium", ratio, "of fetching and compiling alone", 1.5)
            listening = median(cold["bus"], "listening")
            self.row("LISTENING, cold, chromium", listening, "from navigation", 150, "ms")
        if watched:
            longer = median(watched, "gap") - statistics.median(idle)
            self.row(f"longest gap in the host, {engine}", longer, "longer than alone", 50, "ms")

    def session(
        self, engine: str, headers: dict[str, str] | None = None
    ) -> AbstractContextManager[Session]:
        return session(self.playwright, engine, self.world.host, headers)

    # -- sign-ins over a network ------------------------------------------------------------------

    def signing_in(self) -> None:
        """Sign in with a code, from the navigation of the callback page, side by side."""
        with far(self.world, self.playwright, Speed()) as parties:
            bus = parties.bus("far")
            stock = parties.bus("far-stock", change=make_stock)
            child = parties.bus(
                "far-child", partial(make_exchanger, exchange_url=parties.exchange_url)
            )
            warm, cold = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
            with parties.session() as often:
                for n in range(3 + self.runs):
                    for module, src in (("bus", bus), ("penpal", child)):
                        took = parties.sign_in(often, module, src)
                        if n >= 3:  # browsers keep compiled code only of what they see again
                            warm[module].append(took)
            for _ in range(self.runs):
                for name, src in (("bus", bus), ("stock", stock)):
                    with parties.session() as once:
                        once.ask("fetchOwn", *OWN)
                        cold[name].append(parties.sign_in(once, "bus", src))
                with parties.session() as once:
                    once.ask("fetchOwn", *OWN)
                    if not once.ask("warmUp", bus):
                        raise RuntimeError("the warm-up has not read all files")
                    cold["warmed"].append(parties.sign_in(once, "bus", bus))
            warm.update(self.signing_in_at_provider(parties))
        found = {f"sign-in warm {name}": statistics.median(got) for name, got in warm.items()}
        found |= {f"sign-in cold {name}": statistics.median(got) for name, got in cold.items()}
        self.medians |= {name: round(ms) for name, ms in found.items()}
        ours, ready = found["sign-in warm bus"], found["sign-in cold warmed"]
        without = found["sign-in cold bus"]
        for what, value, against, goal in (
            (
                "sign-in, warm cache, json",
                ours / found["sign-in warm penpal"],
                "of `fetch` in a Penpal child",
                1.5,
            ),
            *(
                (
                    "sign-in, warm cache, oidc",
                    found["sign-in warm oidc_bus"] / found[f"sign-in warm {module}"],
                    f"of {sdk}",
                    1.5,
                )
                for module, sdk in SDKS.items()
            ),
            (
                "sign-in, cold cache, json",
                without / found["sign-in cold stock"],
                "of stock PyScript's time",
                0.5,
            ),
            ("sign-in after `warm()`, otherwise cold", ready / without, "of the same without", 0.4),
            ("sign-in after `warm()`, otherwise cold", ready / ours, "of a warm cache", 1.1),
        ):
            self.row(what, value, against, goal)

    def signing_in_at_provider(self, parties: Far) -> dict[str, list[float]]:
        """Sign in at the OpenID Connect provider with a warm cache; returns all times in milliseconds."""
        node_tools()
        src = parties.oidc_bus("far-oidc")
        took = defaultdict[str, list[float]](list)
        with parties.session() as often:
            for n in range(3 + self.runs):
                for module in ("oidc_bus", *SDKS):
                    ms = parties.sign_in_at_provider(often, module, src)
                    if n >= 3:  # as above
                        took[module].append(ms)
                    asked = len(parties.provider.asked) - 1
                    self.medians[f"sign-in requests {module}"] = asked
        return took

    def release(self) -> None:
        """Count what a browser downloads that has an older release of the bus in its cache."""
        src = self.world.bus("release")
        folders = self.world.buses.folders
        self.world.bus("release-next", change=make_next_release)
        sent = []
        with self.session("chromium") as own:
            for _ in range(2):
                sent.append(self.downloaded(own, src))
                folders["release"] = folders["release-next"]
        self.medians |= {"bytes first release": sent[0], "bytes next release": sent[1]}
        self.row(
            "bytes after a new release of the bus with the same Python",
            sent[1] / sent[0],
            "of a cold boot",
            0.5,
        )

    def slowed(self, times: int = 4) -> None:
        """Boot on a slow processor."""
        ready: dict[str, list[float]] = defaultdict(list)
        with self.session("chromium") as own:
            for _ in range(3):
                for variant in ("bus", "stock"):
                    own.boot(self.sources[variant])
            normal = own.ask("work")
            with slowed(own.process, times):
                slow = own.ask("work")
                for _ in range(self.runs):
                    for variant in ("bus", "stock"):
                        ready[variant].append(own.boot(self.sources[variant])["ready"])
        # On a quiet machine this is what was asked for.
        self.row(f"work, the processor slowed {times} times", slow / normal, "of its time", None)
        medians = {variant: statistics.median(got) for variant, got in ready.items()}
        self.medians |= {f"chromium slowed {variant}": round(ms) for variant, ms in medians.items()}
        self.row(
            f"READY, warm, the processor slowed {times} times, chromium",
            medians["bus"] / medians["stock"],
            "of stock PyScript's time",
            0.2,
        )

    def downloaded(self, own: Session, src: str) -> int:
        """Boot a page; returns the bytes that its server sent for it."""
        before = sum(self.world.buses.sent.values())
        own.boot(src)
        return sum(self.world.buses.sent.values()) - before

    # -- transfer --------------------------------------------------------------------------------

    def transfer(self) -> None:
        """Count the bytes of a cold boot, in the encoding that the server prefers and in the smallest."""
        for encoding, goal in (("zstd", None), ("brotli", 0.75)):
            sent = {}
            for variant, make in (("bus", None), ("stock", make_stock)):
                src = self.sources[variant]
                if encoding == "brotli":
                    src = self.world.bus(f"brotli-{variant}", change=without_zstd(make))
                with self.session("chromium") as own:
                    sent[variant] = self.downloaded(own, src)
            self.medians |= {f"bytes {variant}, {encoding}": size for variant, size in sent.items()}
            ratio = sent["bus"] / sent["stock"]
            self.row(f"bytes over the wire, {encoding}", ratio, "of stock PyScript's", goal)

    # -- sessions --------------------------------------------------------------------------------

    def sessions(self) -> None:
        """Compare a bus with [bus.session] to one without, and restore a session."""
        at = f"{self.world.backend_origin}/session"
        sources = {
            "off": self.sources["bus"],
            "on": self.world.bus("session", session={"refresh_url": f"{at}/refresh"}),
        }
        ready: dict[str, list[float]] = defaultdict(list)
        first: dict[str, list[float]] = defaultdict(list)
        restored: list[float] = []
        with self.session("chromium") as own:
            for _ in range(3):
                for src in sources.values():
                    own.boot(src)
            for n in range(self.runs * 2):  # they differ by little, also by what came before
                for which in ("off", "on")[:: 1 if n % 2 else -1]:
                    src = sources[which]
                    ready[which].append(own.boot(src)["ready"])
                    got = own.ask("signIn", src, self.world.backend.answers())
                    first[which].append(got["ms"])
                got = own.ask("register", sources["on"])
                assert got["payload"]["user"], "no session was restored"
                restored.append(got["ms"])
        sent = {}
        for which, src in sources.items():
            with self.session("chromium") as once:
                sent[which] = self.downloaded(once, src)
        against = "of the same without [bus.session]"
        for what, got in (("READY, warm", ready), ("first AUTH.SSO", first)):
            medians = {which: statistics.median(got[which]) for which in sources}
            self.medians |= {
                f"{what} session {which}": round(ms, 1) for which, ms in medians.items()
            }
            name = f"{what}, with [bus.session], chromium"
            self.row(name, medians["on"] / medians["off"], against, 1.03)
        self.row("bytes, with [bus.session]", sent["on"] / sent["off"], against, 1.03)
        name = "BUS.REGISTER_FULFILLED, a session restored"
        self.row(name, statistics.median(restored), "after READY", 50, "ms")

    # -- requests --------------------------------------------------------------------------------

    def requests(self, count: int = 1000) -> None:
        got: dict[str, list[dict[str, float]]] = defaultdict(list)
        with self.session("chromium", ISOLATED) as own:
            for _ in range(ROUNDS):
                got["bus"].append(own.ask("refusals", self.sources["bus"], count))
                got["penpal"].append(own.ask("penpal", self.sources["penpal"], count))
        names = {"p50": ("p50", 3), "p99": ("p99", 3), "early": ("p99 of the first ones", None)}
        for name, (what, goal) in names.items():
            mine, theirs = (
                statistics.median(one[name] for one in got[of]) for of in ("bus", "penpal")
            )
            self.medians |= {f"{name} bus": round(mine, 3), f"{name} penpal": round(theirs, 3)}
            self.row(f"a refused request, {what}", mine / theirs, "of Penpal's round trip", goal)

    def memory(self, few: int = 100, many: int = 2000) -> None:
        # This one needs a driver, to look into the browser's heap; no time is measured.
        with launch(self.playwright, "chromium") as browser:
            page = browser.new_page()
            page.goto(self.world.page)
            page.evaluate("(src) => embed({ src }).ready", self.sources["bus"])
            self.exchanges(page, few)
            before = self.state(page)
            self.exchanges(page, many - few)
            after = self.state(page)
        names = {"memory": "wasm memory, bytes", "proxies": "live proxies", "tasks": "tasks"}
        for name, what in names.items():
            self.row(
                f"{what} after {many} exchanges",
                after[name] - before[name],
                f"more than after {few}",
                0,
                "",
            )
        growth = after["heap"] / before["heap"] - 1
        self.row(f"JavaScript heap after {many}", 100 * growth, f"more than after {few}", 5, "%")

    # -- weight ----------------------------------------------------------------------------------

    def weight(self, seconds: float, minutes: float) -> None:
        """Weigh a tab with the bus, and see what an idle bus does. Leaves it out where /proc does not tell."""
        why = missing()
        try:
            if not why:
                self.weighed(seconds)
                self.idled(seconds, minutes)
        except PermissionError as error:  # a browser may keep what its processes use to itself
            why = f"{error.filename} cannot be read"
        if why:
            print(f"weight: left out: {why}", flush=True)

    def weighed(self, seconds: float) -> None:
        """Compare the memory of all processes of a browser, with and without a bus in its tab."""
        pages = {
            "nothing": NOTHING,
            "bus": ("bus", self.sources["bus"]),
            "stock": ("bus", self.sources["stock"]),
            "penpal": ("penpal", self.sources["penpal"]),
        }
        runs = min(self.runs, WEIGHINGS)
        sizes = weigh(partial(self.session, "chromium"), pages, runs, seconds)
        self.medians |= {f"memory {name}, MB": round(size / 1e6, 1) for name, size in sizes.items()}
        ours, stock, frame = (sizes[name] - sizes["nothing"] for name in ("bus", "stock", "penpal"))
        what, without = "memory of a tab with the bus, chromium", "more than the tab without it"
        self.row(what, ours / stock, "of what stock PyScript adds", 0.6)
        self.row(what, ours / 1e6, without, 70, "MB")
        self.row("memory of a tab with a Penpal child, chromium", frame / 1e6, without, None, "MB")

    def idled(self, seconds: float, minutes: float) -> None:
        """Compare the processor time and the wakes of an idle bus, whose session runs, to a page without."""
        at = f"{self.world.backend_origin}/session"
        src = self.world.bus("session", session={"refresh_url": f"{at}/refresh"})
        pages = {
            "nothing": NOTHING,
            "again": NOTHING,
            "penpal": ("penpal", self.sources["penpal"]),
            "bus": ("session", src, self.world.backend.answers()),
        }
        used = idle(partial(self.session, "chromium"), pages, seconds, minutes)
        time, wakes = attrgetter("milliseconds"), attrgetter("wakes")
        for name, got in used.items():
            for what, of in (("ms", time), ("wakes", wakes)):
                median = statistics.median(map(of, got))
                self.medians[f"idle {name}, {what} a minute"] = round(median, 1)
        # By how much two pages differ that are the same: less than that, this machine cannot show.
        alike = statistics.median(map(abs, apart(used["again"], used["nothing"], time)))
        self.row(
            "processor time of an idle bus in a minute, session running, chromium",
            statistics.median(apart(used["bus"], used["nothing"], time)),
            "more than a page that does nothing; two of those differ by the goal",
            round(max(alike, TICK), 1),
            "ms",
        )
        self.row(
            "wakes of an idle bus in a minute, session running, chromium",
            statistics.median(apart(used["bus"], used["penpal"], wakes)),
            "more than an idle Penpal child",
            2,
            "",
        )

    def exchanges(self, page: Page, count: int) -> None:
        codes = [self.world.backend.answers() for _ in range(count)]
        ends = page.evaluate(
            """async (codes) => {
                let good = 0;
                for (let n = 0; n < codes.length; n += 20) {
                    const some = codes.slice(n, n + 20).map((code) => ask({ code, redirectUrl: "https://app.example.com/" }));
                    good += (await Promise.all(some)).filter(({ fulfilled }) => fulfilled).length;
                }
                return good;
            }""",
            codes,
        )
        assert ends == count, f"{count - ends} exchanges failed"

    def state(self, page: Page) -> dict[str, float]:
        source = self.sources["bus"]
        frame = next(frame for frame in page.frames if frame.url.startswith(source))
        got: dict[str, float] = frame.evaluate(
            f"(core) => ({with_interpreter(STATE)})(core)", core_of(self.world)
        )
        session = page.context.new_cdp_session(frame)
        session.send("HeapProfiler.enable")
        session.send("HeapProfiler.collectGarbage")
        session.send("HeapProfiler.collectGarbage")
        return got | {"heap": session.send("Runtime.getHeapUsage")["usedSize"]}


def _machine() -> dict[str, str | int | None]:
    model = (
        next(
            (
                line.split(":")[1].strip()
                for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")
            ),
            platform.processor(),
        )
        if Path("/proc/cpuinfo").exists()
        else platform.processor()
    )
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.platform(terse=True)}


def _goal(goal: float | None) -> str:
    return "none" if goal is None else f"{goal:g}"


def _table(result: dict[str, Any]) -> str:
    machine = result["machine"]
    lines = ["| what | measured | | goal | |", "|---|---|---|---|---|"]
    for row in result["rows"]:
        met = {True: "met", False: "**not met**", None: ""}[row["met"]]
        lines.append(
            f"| {row['what']} | {row['value']:.3g} {row['unit']} | {row['against']} | {_goal(row['goal'])} | {met} |"
        )
    where = f"Measured on {machine['cpu']}, {machine['cores']} cores, {machine['system']}."
    return "\n".join([*lines, "", where, ""])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--runs", type=int, default=7, help="runs of each boot (default: 7)")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="default: all here")
    parser.add_argument("--only", choices=PARTS, help="measure one part, and write no file")
    parser.add_argument(
        "--seconds", type=float, default=60, help="weight: until a page is weighed (default: 60)"
    )
    parser.add_argument(
        "--minutes", type=float, default=10, help="weight: how long pages idle (default: 10)"
    )
    args = parser.parse_args()
    if args.seconds < 0 or args.minutes <= 0:
        parser.error("--seconds must be 0 or more, and --minutes more than 0")
    if args.seconds + 60 * args.minutes > FRESH:
        parser.error(f"idle pages have {FRESH} seconds at most: then the session is refreshed")
    engines = args.engine or [engine for engine in ENGINES if works(engine)]
    EXTRA_ROUTES.extend(ROUTES)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        world = World(Path(folder))
        bench = Bench(world, playwright, args.runs)
        parts: dict[str, list[Callable[[], None]]] = {
            "boot": [partial(bench.boot, engine) for engine in engines],
            "sign-in": [bench.signing_in],
            "slowed": [bench.slowed],
            "transfer": [bench.transfer],
            "release": [bench.release],
            "session": [bench.sessions],
            "requests": [bench.requests],
            "memory": [bench.memory],
            "weight": [partial(bench.weight, args.seconds, args.minutes)],
        }
        try:
            for name, part in parts.items():
                if args.only in (None, name):
                    for measure in part:
                        measure()
        finally:
            world.stop()
    result = {
        "machine": _machine(),
        "rows": [asdict(row) | {"met": row.met} for row in bench.rows],
        "medians": bench.medians,
    }
    if args.only:
        print(f"\n{_table(result)}")
        return 0
    docs = ROOT / "docs"
    docs.mkdir(exist_ok=True)
    (docs / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    (docs / "bench.svg").write_text(draw(bench.medians))
    table = _table(result)
    print(f"\n{table}")
    page = ROOT / "docs/architecture.md"
    before, rest = page.read_text(encoding="utf-8").split("<!-- bench -->")
    _, after = rest.split("<!-- /bench -->")
    page.write_text(f"{before}<!-- bench -->\n{table}<!-- /bench -->{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
