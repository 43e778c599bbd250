"""Host pages with sessions: what they ask of their bus, what it pushes, and what it has stored."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.e2e.support.sessions import Sessions
from tests.e2e.support.tab import Tab
from tests.e2e.support.world import World

SOON_SECONDS = 12
"""The life of tokens that a test waits for: they are refreshed when half of it is over."""


def until(what: Callable[[], bool]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


@dataclass
class Window:
    """A host page in a tab, with a bus."""

    tab: Tab
    host: str

    def request(self, type_: str, payload: dict[str, Any] | None = None) -> Any:
        """Return the whole reply, which comes over a port."""
        return self.tab.run("(...asked) => request(...asked)", type_, payload or {})

    def ask(self, type_: str, payload: dict[str, Any] | None = None) -> Any:
        """Return the payload of the reply, or the error's code."""
        got = self.request(type_, payload)
        if got["type"] == f"{type_}_REJECTED":
            return got["payload"]["error"]["code"]
        assert got["type"] == f"{type_}_FULFILLED"
        return got.get("payload")

    def sign_in(self, user: str) -> Any:
        redirect = "https://app.example.com/cb"
        return self.ask("AUTH.SSO", {"code": f"{user}/code", "redirectUrl": redirect})

    def register(self) -> Any:
        payload = {"origin": self.host, "appName": "app", "release": "1"}
        return self.ask("BUS.REGISTER", payload)

    def init(self) -> None:
        """Have pushes sent to a new port."""
        assert self.tab.run("() => init()") == {
            "type": "BUS.INIT_FULFILLED",
            "meta": {"source": "bus"},
        }

    def pushes(self, count: int) -> list[Any]:
        """Wait for a number of pushes; return all that have come since the last call."""
        got = self.tab.run("(count) => pushes(count)", count)
        assert isinstance(got, list)
        return got


@dataclass
class Place:
    """A backend with sessions, and buses that use it."""

    world: World
    sessions: Sessions
    origin: str
    """Of the backend."""

    def bus(self, name: str = "session", **more: Any) -> str:
        """Return the address of a bus; all of them share their origin, and so their storage."""
        at = f"{self.origin}/session"
        urls = {"refresh_url": f"{at}/refresh", "revoke_url": f"{at}/revoke"}
        return self.world.bus(
            f"{name}-{self.origin.rpartition(':')[2]}",
            sso={"exchange_url": f"{at}/exchange"},
            session=urls | more.pop("session", {}),
            password={"sign_in_url": f"{at}/sign-in"},
            **more,
        )

    def page(self, host: str = "") -> str:
        return f"{host or self.world.host}/pages/session.html"

    def embed(self, tab: Tab, host: str = "", src: str = "") -> Window:
        """Open a host page with a bus in a tab."""
        tab.goto(self.page(host))
        tab.run("(src) => raw(src).ready", src or self.bus())
        return Window(tab, host or self.world.host)

    def embed_again(self, window: Window) -> Window:
        """Open the page again, as a user who reloads it."""
        return self.embed(window.tab, window.host)

    # -- the bus's origin, in the partition of a tab's page -----------------------------------------

    def beside(self, tab: Tab, script: str, *args: Any) -> Any:
        """Call a JavaScript function in another page of the bus's origin, in the page of the tab."""
        address = f"{self.world.bus_origin}/pages/host.html"
        tab.run(
            """async (src) => {
                if (window.beside?.isConnected) return;
                window.beside = Object.assign(document.createElement("iframe"), { src });
                const loaded = new Promise((done) => { beside.onload = done; });
                document.body.append(beside);
                await loaded;
            }""",
            address,
        )
        return tab.run_in(address, script, *args)

    def stored(self, tab: Tab) -> Any:
        """Return all that is in the bus's databases, by database, store and key."""
        return self.beside(tab, STORED)

    def locks(self, tab: Tab) -> list[str]:
        """Return the locks of the bus's origin that are held or waited for, each "name state"."""
        found: list[str] = self.beside(
            tab,
            """async () => {
                const { held, pending } = await navigator.locks.query();
                return [...held.map(({ name }) => `${name} held`), ...pending.map(({ name }) => `${name} pending`)];
            }""",
        )
        return found

    def record(self, window: Window) -> dict[str, Any]:
        """Return a host's stored session."""
        found = self.stored(window.tab)
        record: dict[str, Any] = json.loads(found[f"sso-bus/sessions/{window.host}"])
        return record

    def age(self, window: Window, seconds: int, **changes: Any) -> None:
        """Make the tokens of a host's stored session so much older; says no word of it to the tabs."""
        record = self.record(window)
        now = record["arrival"]
        for key in ("arrival", "asked"):
            record[key] -= seconds * 1000
        if "pause" in changes:
            changes["pause"] |= {"at": now}
        self.store(window.tab, window.host, json.dumps(record | changes))

    def store(self, tab: Tab, key: str, value: str | None) -> None:
        """Put a text in the place of a record, as script on the bus's origin could."""
        self.beside(tab, STORE, key, value)


STORED = """async () => {
    const done = (request) =>
        new Promise((resolve, reject) => {
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
        });
    const found = {};
    const names = new Set((await indexedDB.databases()).map(({ name }) => name));
    for (const name of ["sso-bus", "sso-bus-keys"]) names.add(name); // WebKit lists none of another frame
    for (const name of names) {
        const opening = indexedDB.open(name);
        opening.onupgradeneeded = () => opening.transaction.abort(); // there is none
        const database = await done(opening).catch(() => null);
        if (!database) continue;
        for (const store of database.objectStoreNames) {
            const all = database.transaction(store).objectStore(store);
            const [keys, values] = await Promise.all([done(all.getAllKeys()), done(all.getAll())]);
            keys.forEach((key, i) => { found[`${name}/${store}/${key}`] = values[i]; });
        }
        database.close();
    }
    return found;
}"""

STORE = """(key, value) => new Promise((resolve, reject) => {
    const opening = indexedDB.open("sso-bus", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("sessions");
    opening.onsuccess = () => {
        const database = opening.result;
        const transaction = database.transaction("sessions", "readwrite");
        const sessions = transaction.objectStore("sessions");
        if (value === null) sessions.delete(key);
        else sessions.put(value, key);
        transaction.oncomplete = () => { database.close(); resolve(); };
        transaction.onabort = () => reject(transaction.error);
    };
})"""


def refreshed(credentials: Any) -> dict[str, Any]:
    """Return the push of the tokens that a sign-in or refresh has given."""
    return {"type": "AUTH.TOKEN_REFRESHED", "payload": credentials}


def changed(user: str | None) -> dict[str, Any]:
    """Return the push that says who has signed in, or out, in another tab."""
    return {"type": "AUTH.SESSION_CHANGED", "payload": {"user": user and {"name": user}}}


EXPIRED = {"type": "AUTH.REFRESH_TOKEN_EXPIRED"}
