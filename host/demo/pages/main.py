"""The host page: signs in by redirect, has the bus exchange the code, shows what comes back."""

import asyncio
import json
import time

import asking
import idtoken
import journey
import signin
import trouble
import view
from clock import now
from composer import Composer
from holding import Holding
from inspector import Inspector, read
from jsffi import JsException
from pyscript import document, window
from pyscript.ffi import to_js
from pyscript.js_modules import bus_client
from session import Session
from timeline import BACKEND, PROVIDER

settings = json.loads(document.getElementById("demo-settings").textContent)
kept = settings.get("session", {"margin": 0, "trouble": False, "denied": ""})
steps = journey.Steps()

LATE = "The ID token has expired."


class Page:
    """The page's moving parts. Credentials live here alone: in memory, until sign-out or reload."""

    def __init__(self) -> None:
        self.bus = None
        backend = PROVIDER if "oidc" in settings else BACKEND
        self.inspector = Inspector(view.by_id("decoy"), backend)
        self.abort = None
        self.session = None
        self.trouble = None
        self.holding = Holding(kept["margin"])
        self.revealed = False
        self.latest = ""  # the ID token that was pushed last
        self.getting = None  # the turn in which credentials are being asked for
        self.turn = 0  # counts sign-ins and sign-outs: what was begun for an earlier one stops

    async def start(self) -> None:
        """Embed the bus, then take up the provider's answer if there is one."""
        if document.readyState != "complete":
            await event(window, "load")  # the decoy listens by then, before anything is sent
        known, answer = signin.take()
        wrong = journey.problem(known, answer["answer"], settings["provider"]) if answer else None
        if answer:
            began = known["began"] if known else answer["arrived"]
            self.inspector.redirected(began, answer["arrived"], wrong)
        self.embed()
        Composer(self.inspector, self.bus)
        bind("sign-in", self.sign_in)
        bind("try-again", self.sign_in)
        bind("cancel", self.cancel)
        bind("reveal", self.reveal)
        bind("sign-out", self.sign_out)
        bind("ask", self.ask)
        view.by_id("password-form").addEventListener("submit", self.password)
        view.by_id("id-token").addEventListener("toggle", self.look_inside)
        bind("unmask", self.unmask)
        bind("clear", self.inspector.clear)
        view.parties(window.location.origin, self.bus.origin, settings["provider"])
        if kept["trouble"] or kept["denied"]:
            self.trouble = trouble.Trouble(kept)
        self.inspector.watchers.append(self.look)
        if answer is None:
            view.show("signed-out")
            view.say("You are signed out.")
        else:
            await self.take_up(known, answer, wrong)

    def embed(self) -> None:
        """Put the bus into the page, and time its start."""
        src = kept["denied"] if kept["denied"] and trouble.denied() else settings["bus"]
        self.bus = bus_client.embed(to_js({"src": src, "title": "Sign-in bus"}))
        self.session = Session(self.inspector, self.bus, self.pushed)
        self.inspector.embedded(self.bus)
        steps.begin("listening", now())
        view.steps(steps)
        self.bus.on("BUS.LISTENING", self.listening)
        self.bus.on("BUS.READY", self.ready)
        asyncio.create_task(self.watch())

    def listening(self, *_) -> None:
        steps.end("listening", now())
        steps.begin("ready", now())
        view.steps(steps)
        bind("broadcast", self.broadcast)  # earlier, the browser would drop what is posted
        view.by_id("send").disabled = False

    def ready(self, payload, *_) -> None:
        steps.end("ready", now())
        if self.abort is not None:
            self.exchanging()
        view.steps(steps)
        types = read(payload)["types"]
        view.by_id("with-password").hidden = "AUTH.EMAIL_AND_PASSWORD" not in types
        view.by_id("password-sign-in").disabled = False
        asyncio.create_task(self.take_part(types))

    async def watch(self) -> None:
        """Say so if the bus does not start."""
        try:
            await self.bus.ready
        except JsException as error:
            self.inspector.never(str(error.args[0].code))
            steps.fail("listening")
            steps.fail("ready")
            view.steps(steps)

    # -- the session -------------------------------------------------------------------------------

    async def take_part(self, types) -> None:
        """Take up the session that the bus has kept, unless somebody signs in already."""
        user = await self.session.begin(types)
        view.by_id("second-tab").hidden = not self.session.served
        if user and document.body.getAttribute("data-state") == "signed-out":
            self.met(user)
            view.say("Your session has been restored.")
            await self.get()
        self.look()

    def met(self, user) -> None:
        """Somebody is signed in of whom nothing else is known yet."""
        self.turn += 1
        self.latest = ""
        self.holding.met(user)
        self.revealed = False
        view.success(self.holding, False)
        asyncio.create_task(self.count(self.turn))

    async def get(self) -> None:
        """Ask for credentials, as a host does when it needs them."""
        turn = self.turn
        self.getting = turn
        try:
            payload = await self.session.ask("AUTH.CREDENTIALS", {"minValiditySeconds": 0})
        except JsException as error:
            if turn == self.turn and self.holding.user is not None:
                self.missed(str(error.args[0].code))
        else:
            if turn == self.turn and payload:
                self.took(payload)
        finally:
            self.getting = None
        if turn == self.turn and self.behind():
            self.latest = ""  # once: what comes now is what the bus holds, pushed or not
            await self.get()

    def behind(self) -> bool:
        """Whether newer tokens were pushed than those that the page holds."""
        return self.latest not in ("", self.holding.credentials.get("idToken"))

    def missed(self, code: str) -> None:
        """There are no credentials now."""
        if code == "NO_SESSION":
            self.gone("expired", "Your session is over.")
        else:
            self.holding.error = code
            self.look()

    def took(self, payload) -> None:
        """Show the credentials that there are now."""
        token = payload["credentials"].get("idToken", "")
        fresh = token and token != self.holding.credentials.get("idToken")
        self.holding.take(payload, idtoken.claims(token))
        if fresh:
            self.holding.refreshed = time.time()
        view.success(self.holding, False)
        view.tokens(self.holding.credentials, self.revealed)
        self.look()

    def pushed(self, what: str, payload) -> None:
        """Hear what has become of the session, in this tab or in another."""
        if what == "AUTH.REFRESH_TOKEN_EXPIRED":
            self.gone("expired", "Your session is over: sign in again.")
        elif what == "AUTH.SESSION_CHANGED" and payload["user"] is None:
            self.gone("another tab", "You have signed out in another tab.")
        elif what == "AUTH.SESSION_CHANGED":
            self.met(payload["user"])
            view.say("Another tab has signed in.")
            asyncio.create_task(self.get())
        elif what == "AUTH.TOKEN_REFRESHED" and self.holding.user is not None:
            self.holding.by = self.inspector.fetched_by
            self.latest = payload["idToken"]
            if self.behind() and self.getting != self.turn:
                asyncio.create_task(self.get())  # which says when they expire, by this machine's clock
        if self.trouble:
            self.trouble.look()

    def ask(self, *_) -> None:
        """Ask for credentials, because the user wants to see what comes."""
        asyncio.create_task(self.get())

    def look(self, *_) -> None:
        """Show the session as it is now, and what the host's user would see."""
        call = self.inspector.timeline.refresh()
        self.holding.failing = bool(call and not call.under_way() and not call.went_well())
        view.life(self.holding, self.inspector.kept, self.inspector.kept_why)
        view.seen(self.holding.state(time.time()))

    async def count(self, turn: int) -> None:
        """Show the ID token's time left, second by second; when it is over, ask for another once."""
        late = False
        while turn == self.turn:
            at = time.time()
            over = self.holding.over(at)
            if over and not late:
                view.say(LATE)
                if self.session.served:
                    asyncio.create_task(self.get())
            elif late and not over:
                view.say("")
            late = over
            self.look()
            left = self.holding.left(at)
            await asyncio.sleep(left % 1 or 1)

    def gone(self, why: str, text: str, logout: str = "") -> None:
        """Nobody is signed in any more: leave no trace of who was."""
        self.turn += 1
        self.latest = ""
        self.holding.clear(why)
        view.signed_out(text, logout)
        self.inspector.forget()
        self.look()

    # -- signing in and out ------------------------------------------------------------------------

    def exchanging(self) -> None:
        steps.begin("exchange", now())
        view.waiting("The backend is asked…")

    async def take_up(self, known, answered, wrong) -> None:
        """Check the provider's answer, send its code to the bus, and show the outcome."""
        answer = answered["answer"]
        if known is not None:
            steps.begin("redirect", known["began"])
            steps.end("redirect", answered["arrived"])
        if wrong:
            source = "provider" if wrong["code"] == answer.get("error") else "host"
            view.steps(steps)
            view.failure(wrong["code"], wrong["message"], {"source": source}, "")
            return
        payload = {
            "code": answer["code"],
            "redirectUrl": known["redirectUrl"],
            "codeVerifier": known["verifier"],
        }
        if "nonce" in known:
            payload["nonce"] = known["nonce"]
        await self.request("AUTH.SSO", payload)

    def password(self, submitted) -> None:
        """Sign in with what was typed; it is forgotten at once."""
        submitted.preventDefault()
        field = view.by_id("password")
        payload = {"email": view.by_id("password-email").value, "password": field.value}
        field.value = ""
        asyncio.create_task(self.request("AUTH.EMAIL_AND_PASSWORD", payload))

    async def request(self, kind, payload) -> None:
        """Sign in through the bus, and show how long it takes and what has come of it."""
        self.abort = window.AbortController.new()
        if steps.state("ready") == "done":
            self.exchanging()
        else:
            view.waiting("Waiting for the bus to start…")
        view.steps(steps)
        view.show("waiting")
        ticking = asyncio.create_task(tick(now()))
        try:
            result = await asking.ask(self.inspector, self.bus, kind, payload, self.abort.signal)
        except JsException as error:
            self.failed(error)
            return
        finally:
            self.abort = None
            ticking.cancel()
        await self.signed_in(result)

    async def signed_in(self, payload) -> None:
        steps.end("exchange", now())
        view.steps(steps)
        self.turn += 1
        self.latest = ""
        self.holding.clear("")
        self.holding.take(payload, idtoken.claims(payload["credentials"].get("idToken", "")))
        self.revealed = False
        if self.holding.expires is not None:
            self.holding.refreshed, self.holding.by = time.time(), "this tab’s sign-in"
        view.success(self.holding, True)
        asyncio.create_task(self.count(self.turn))
        if self.session.served:
            await self.get()

    def failed(self, error) -> None:
        for name in steps.NAMES:
            steps.fail(name)
        view.steps(steps)
        self.turn += 1
        self.holding.clear("")
        view.failure(*bus_error(error))

    async def sign_in(self, *_) -> None:
        """Leave for the provider. How that begins, a bus for an OpenID Connect provider says itself."""
        authorization = None
        if "oidc" in settings:
            try:
                authorization = read(await self.bus.ready)["authorization"]
            except JsException:
                view.say("The bus did not start, so it cannot say where to sign in.")
                return
        await signin.begin(settings, authorization)

    def cancel(self, *_) -> None:
        if self.abort is not None:
            self.abort.abort()

    def reveal(self, *_) -> None:
        self.revealed = not self.revealed
        view.secrets(self.holding.credentials, self.revealed)

    def look_inside(self, *_) -> None:
        """Show the ID token's claims, with the time they have left as it is now."""
        view.id_token(self.holding.credentials.get("idToken", ""))

    def sign_out(self, *_) -> None:
        asyncio.create_task(self.leave())

    async def leave(self) -> None:
        """Have the bus end the session, if it keeps one, and forget the credentials."""
        ended = None
        if self.session.served:
            try:
                ended = await self.session.ask("AUTH.SIGN_OUT", {})
            except JsException as error:
                view.not_signed_out(str(error.args[0].code))
                return
        logout = ended.get("logoutUrl", "") if ended else ""
        self.gone("signed out", "You are signed out; this page has forgotten the credentials.", logout)

    def broadcast(self, *_) -> None:
        """Do what a host must never do, with a code that is worth nothing: post it to everybody."""
        code = "made-up-" + window.crypto.randomUUID()
        message = to_js({"type": "AUTH.SSO", "payload": {"code": code}})
        self.inspector.posted("AUTH.SSO", None, True, window.JSON.stringify(message))
        for frame in document.querySelectorAll("iframe"):
            frame.contentWindow.postMessage(message, "*")

    def unmask(self, *_) -> None:
        """Show codes and tokens in the timeline, or their outlines."""
        self.inspector.unmask()


def bus_error(error) -> tuple:
    """A rejected request as code, message, meta and the error's JSON, unchanged but for layout."""
    reason = error.args[0]
    known = read(reason, to_js(["code", "message"])) or {}
    text = window.JSON.stringify(reason.error, None, 2)
    return (
        known.get("code", "INTERNAL"),
        known.get("message", ""),
        read(reason.meta),
        text if isinstance(text, str) else "",
    )


def bind(name: str, handler) -> None:
    """Let a button do something, from now on."""
    button = view.by_id(name)
    button.addEventListener("click", handler)
    button.disabled = False


async def event(target, name: str) -> None:
    """Wait for a DOM event."""
    seen = asyncio.Event()
    target.addEventListener(name, lambda *_: seen.set())
    await seen.wait()


async def tick(since: float) -> None:
    """Show the time that a wait has taken, until cancelled."""
    while True:
        view.by_id("elapsed").textContent = journey.seconds(now() - since)
        await asyncio.sleep(0.1)


page = Page()
await page.start()  # noqa: F704, PLE1142 - PyScript runs this file with top-level await
