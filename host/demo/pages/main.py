"""The host page: signs in by redirect, has the bus exchange the code, shows what comes back."""

import asyncio
import json
import time

import idtoken
import journey
import signin
import view
from clock import now
from composer import Composer
from inspector import Inspector, read
from jsffi import JsException
from pyscript import document, window
from pyscript.ffi import to_js
from pyscript.js_modules import bus_client, safely
from timeline import BACKEND, PROVIDER

settings = json.loads(document.getElementById("demo-settings").textContent)
steps = journey.Steps()


class Page:
    """The page's moving parts. Credentials live here alone: in memory, until sign-out or reload."""

    def __init__(self) -> None:
        self.bus = None
        backend = PROVIDER if "oidc" in settings else BACKEND
        self.inspector = Inspector(view.by_id("decoy"), backend)
        self.abort = None
        self.credentials = {}
        self.revealed = False
        self.session = 0  # counts sign-ins and sign-outs: a countdown of an earlier one stops

    async def start(self) -> None:
        """Embed the bus, then take up the provider's answer if there is one."""
        if document.readyState != "complete":
            await event(window, "load")  # the decoy listens by then, before anything is sent
        kept, answer = signin.take()
        wrong = journey.problem(kept, answer["answer"], settings["provider"]) if answer else None
        if answer:
            began = kept["began"] if kept else answer["arrived"]
            self.inspector.redirected(began, answer["arrived"], wrong)
        self.embed()
        Composer(self.inspector, self.bus)
        bind("sign-in", self.sign_in)
        bind("try-again", self.sign_in)
        bind("cancel", self.cancel)
        bind("reveal", self.reveal)
        bind("sign-out", self.sign_out)
        view.by_id("id-token").addEventListener("toggle", self.look_inside)
        bind("unmask", self.unmask)
        bind("clear", self.inspector.clear)
        view.parties(window.location.origin, self.bus.origin, settings["provider"])
        if answer is None:
            view.show("signed-out")
            view.say("You are signed out.")
        else:
            await self.take_up(kept, answer, wrong)

    def embed(self) -> None:
        """Put the bus into the page, and time its start."""
        self.bus = bus_client.embed(to_js({"src": settings["bus"], "title": "Sign-in bus"}))
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

    def ready(self, *_) -> None:
        steps.end("ready", now())
        if self.abort is not None:
            self.exchanging()
        view.steps(steps)

    async def watch(self) -> None:
        """Say so if the bus does not start."""
        try:
            await self.bus.ready
        except JsException as error:
            self.inspector.never(str(error.args[0].code))
            steps.fail("listening")
            steps.fail("ready")
            view.steps(steps)

    def exchanging(self) -> None:
        steps.begin("exchange", now())
        view.waiting("The backend is exchanging the code…")

    async def take_up(self, kept, answered, wrong) -> None:
        """Check the provider's answer, send its code to the bus, and show the outcome."""
        answer = answered["answer"]
        if kept is not None:
            steps.begin("redirect", kept["began"])
            steps.end("redirect", answered["arrived"])
        if wrong:
            source = "provider" if wrong["code"] == answer.get("error") else "host"
            view.steps(steps)
            view.failure(wrong["code"], wrong["message"], {"source": source}, "")
            return
        payload = {
            "code": answer["code"],
            "redirectUrl": kept["redirectUrl"],
            "codeVerifier": kept["verifier"],
        }
        if "nonce" in kept:
            payload["nonce"] = kept["nonce"]
        try:
            result = await self.request("AUTH.SSO", payload)
        except JsException as error:
            self.failed(error)
        else:
            self.signed_in(result)

    async def request(self, kind, payload):
        """Ask the bus, showing how long it takes. Raises JsException, which holds a BusError."""
        self.abort = window.AbortController.new()
        if steps.state("ready") == "done":
            self.exchanging()
        else:
            view.waiting("Waiting for the bus to start…")
        view.steps(steps)
        view.show("waiting")
        ticking = asyncio.create_task(tick(now()))
        asked = self.inspector.asked(kind, to_js(payload))
        try:
            options = to_js({"signal": self.abort.signal})
            result = await self.bus.request(kind, to_js(payload), options)
            self.inspector.answered(asked, kind + "_FULFILLED", result, None)
            return read(result)
        except JsException as error:
            if meta := safely.get(error.args[0], "meta"):  # there was a reply
                payload = window.Object.new()
                payload.error = error.args[0].error
                self.inspector.answered(asked, kind + "_REJECTED", payload, meta)
            else:
                self.inspector.failed(asked, str(error.args[0].code))
            raise
        finally:
            self.abort = None
            ticking.cancel()

    def signed_in(self, payload) -> None:
        steps.end("exchange", now())
        view.steps(steps)
        self.credentials = payload["credentials"]
        self.revealed = False
        self.session += 1
        view.success(payload)
        expires = idtoken.claims(self.credentials.get("idToken", "")).get("exp")
        if expires is not None:
            asyncio.create_task(self.count_down(expires, self.session))

    def failed(self, error) -> None:
        for name in steps.NAMES:
            steps.fail(name)
        view.steps(steps)
        view.failure(*bus_error(error))

    async def count_down(self, expires, session) -> None:
        """Show the ID token's time left, second by second; say aloud only that it is over."""
        while session == self.session:
            left = expires - time.time()
            view.by_id("countdown").textContent = journey.countdown(left) if left > 0 else "expired"
            if left <= 0:
                view.say("The ID token has expired.")
                return
            await asyncio.sleep(left % 1 or 1)

    async def sign_in(self, *_) -> None:
        await signin.begin(settings)

    def cancel(self, *_) -> None:
        if self.abort is not None:
            self.abort.abort()

    def reveal(self, *_) -> None:
        self.revealed = not self.revealed
        view.secrets(self.credentials, self.revealed)

    def look_inside(self, *_) -> None:
        """Show the ID token's claims, with the time they have left as it is now."""
        view.id_token(self.credentials.get("idToken", ""))

    def sign_out(self, *_) -> None:
        """Forget the credentials. The bus keeps none."""
        self.credentials = {}
        self.session += 1
        view.forget()
        self.inspector.forget()
        view.show("signed-out")
        view.say("You are signed out; this page has forgotten the credentials.")
        view.by_id("sign-in").focus()

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
