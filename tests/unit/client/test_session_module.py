"""session.js in Node, with the mock: what a host app may rely on, each rule noticed where it is taken away.

The reasons of changes: tests/unit/test_session_node.py; with the real bus: tests/e2e/test_session_js.py.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from host.tools.node import start_node
from host.tools.paths import CLIENT
from tests.node import host_modules, run_module

SCRIPT = """
import { mockBus, mockClock } from "./mock.js";
import { openSession } from "./session.js";

const API = "https://api.example.com";
const CODE = { code: "c", redirectUrl: "https://app.example.com/cb" };
const found = {};
const left = [];
globalThis.location = { assign: (url) => left.push(url) };
const thrown = [];
process.on("uncaughtException", ({ message }) => thrown.push(message));
const outcome = (promise) => promise.then((value) => value ?? null, ({ code, name }) => code ?? name);
const on = (bus, more) => openSession({ bus, appName: "app", release: "1", origins: [API], ...more });
const listen = (session, told = []) => {
  session.on("change", ({ before, after, reason }) => told.push(before === after ? [reason] : [reason, after.state, after.user?.name ?? null, Boolean(after.company)]));
  return told;
};
const open = async (options, more) => {
  const bus = mockBus({ user: { name: "ann" }, company: { name: "Engines" }, ...options });
  const session = on(bus, more);
  await session.ready;
  return { bus, mock: bus.mock, session, told: listen(session) };
};
const types = (mock) => mock.asked.splice(0).map(({ type }) => type);
// Holds back what the bus answers, not what it does.
const slow = (bus, type) => {
  const { request } = bus;
  let letGo;
  const held = new Promise((done) => { letGo = done; });
  bus.request = async (...asked) => {
    const answer = await request(...asked);
    if (asked[0] === type) await held;
    return answer;
  };
  return () => { bus.request = request; letGo(); };
};

// -- signing out ---------------------------------------------------------------------------------
{
  const logoutUrl = "https://id.example.com/logout?client_id=crm";
  const { mock, session, told } = await open({ signedIn: true, logoutUrl });
  const here = await session.signOut();
  await session.signIn(CODE);
  mock.fail("AUTH.SIGN_OUT", "RUNTIME_DIED");
  const refused = [await outcome(session.signOut({ everywhere: true })), session.state, [...left]];
  await mock.heal();
  const everywhere = await session.signOut({ everywhere: true });
  found.signOut = [here === logoutUrl, refused, everywhere === logoutUrl, left.splice(0), told];
  const plain = await open({ signedIn: true });
  found.plainSignOut = [(await plain.session.signOut({ everywhere: true })) ?? null, left.splice(0)];
}

// -- credentials ---------------------------------------------------------------------------------
{
  const { mock, session } = await open({ signedIn: true });
  mock.asked.length = 0;
  const ask = (minValidity) => session.credentials(minValidity === undefined ? undefined : { minValidity });
  const got = await Promise.all([ask(), ask(), ask(60_000), ask(60_000), ask(0), session.credentials({})]);
  const payloads = mock.asked.splice(0).map(({ payload }) => payload);
  await ask();
  mock.fail("AUTH.CREDENTIALS", "BACKEND_TIMEOUT", { times: 1 });
  const failed = await Promise.all([outcome(ask()), outcome(ask())]);
  found.credentials = [new Set(got.map(({ idToken }) => idToken)).size, payloads, failed, types(mock), typeof (await outcome(ask()))];
}

// -- restored while the backend does not answer --------------------------------------------------
{
  const clock = mockClock();
  const before = mockBus({ user: { name: "ann" }, company: { name: "Engines" }, signedIn: true, clock });
  await clock.sleep(20 * 60_000);
  const letGo = before.mock.hold("refresh");
  const session = on(before.mock.openTab());
  const told = listen(session);
  await clock.advance(2999);
  const early = told.length;
  await clock.advance(1);
  await session.ready;
  const without = told.splice(0);
  await letGo();
  await session.credentials();
  found.restored = [early, without, told];
}

// -- signing in ----------------------------------------------------------------------------------
{
  const seen = [];
  const signin = (finished, started) => ({
    finishSignIn: async ({ bus }) => { seen.push(["finish", typeof bus.request]); return finished(bus); },
    startSignIn: async ({ bus, ...options }) => { seen.push(["start", typeof bus.request, options]); return started(bus); },
  });
  const exchange = (bus) => bus.request("AUTH.SSO", CODE);
  const closes = () => { throw Object.assign(new Error("closed"), { code: "POPUP_CLOSED" }); };
  const nothing = () => null;
  const atProvider = { redirectUrl: "/cb", popup: true };
  const popup = await open({}, { signin: signin(nothing, exchange) });
  found.popup = [(await popup.session.signIn(atProvider)).currentUser, seen.splice(0), popup.told];
  const closed = await open({}, { signin: signin(nothing, closes) });
  found.closed = [await outcome(closed.session.signIn(atProvider)), closed.session.state, closed.told];
  const back = await open({}, { signin: signin(exchange, nothing) });
  found.back = [back.session.state, back.session.error];
  const failed = await open({ signedIn: true }, { signin: signin(closes, nothing) });
  found.failed = [failed.session.state, failed.session.error.code];
  const without = await open({});
  found.without = [await outcome(without.session.signIn(atProvider)), types(without.mock)];
}

// -- who listens ---------------------------------------------------------------------------------
{
  const { mock, session } = await open();
  const heard = [];
  const off = session.on("change", ({ reason }) => heard.push(`first ${reason}`));
  session.on("change", () => { throw new Error("the host's own"); });
  session.on("change", ({ reason }) => heard.push(`last ${reason}`));
  const before = session.snapshot();
  await session.signIn(CODE);
  const after = session.snapshot();
  off();
  await mock.expireTokens();
  found.listeners = [heard, thrown.splice(0), before === after, session.snapshot() === after, Object.isFrozen(after)];
}

// -- fetch ---------------------------------------------------------------------------------------
{
  const sent = [];
  let answers = [];
  globalThis.fetch = async (request) => {
    sent.push([request.redirect, request.headers.get("authorization"), request.headers.get("x-own")]);
    return new Response(null, { status: answers.shift() ?? 200 });
  };
  const { mock, session } = await open({ signedIn: true });
  const token = () => `Bearer ${mock.session.credentials.idToken}`;
  const get = async (url, init, ...statuses) => {
    answers = statuses;
    const { status } = await session.fetch(url, init);
    return [status, sent.splice(0)];
  };
  const own = { headers: { "X-Own": "1", Authorization: "Basic a" } };
  found.fetch = [
    await get(`${API}/a`, own),
    await get(`${API}/a`, { redirect: "manual" }),
    await get(`${API}/a`, { redirect: "follow" }),
    await get("https://other.example.com/a", own),
    await get(`${API}.evil.example/a`, {}),
    await get(`${API}/a`, {}, 500),
  ].map(([status, requests]) => [status, requests.map(([redirect, is, x]) => [redirect, is === token() ? "the token" : is, x])]);
  mock.asked.length = 0;
  // The API refuses a token that the bus finds good.
  found.stale = [(await get(`${API}/a`, {}, 401))[0], mock.asked.splice(0).map(({ payload }) => payload)];
  // Then there is a fresher one.
  const fresher = mockBus({ user: { name: "ann" }, signedIn: true });
  const other = on(fresher);
  await other.ready;
  const old = fresher.mock.session;
  await fresher.mock.expireTokens();
  const { request } = fresher;
  fresher.request = (type, payload, ...more) =>
    type === "AUTH.CREDENTIALS" && payload.minValiditySeconds === undefined
      ? Promise.resolve({ credentials: old.credentials, currentUser: old.user })
      : request(type, payload, ...more);
  const names = (requests) => requests.map(([, is]) => (is === `Bearer ${old.credentials.idToken}` ? "old" : "fresh"));
  found.retries = [];
  for (const statuses of [[401], [401, 401, 401], [503], [403]]) {
    answers = [...statuses];
    const { status } = await other.fetch(`${API}/a`);
    found.retries.push([statuses, status, names(sent.splice(0))]);
  }
  fresher.mock.fail("AUTH.CREDENTIALS", "BACKEND_TIMEOUT");
  answers = [401];
  found.noFresher = [await outcome(other.fetch(`${API}/a`).then(({ status }) => status)), sent.splice(0).length];
}

// -- an old bus ----------------------------------------------------------------------------------
{
  const { mock, session, told } = await open({ session: false });
  const error = session.error;
  await session.signIn(CODE);
  const kept = typeof (await session.credentials()).idToken;
  mock.asked.length = 0;
  await session.signOut({ everywhere: true });
  const after = await session.credentials().catch((error) => error);
  found.old = [error.code, error.message.includes("[bus.session]"), kept, after === error, types(mock), told];
}

// -- the bus's frame -----------------------------------------------------------------------------
{
  for (const code of ["PAGE_HIDDEN", "BUS_RELOADED", "BOOT_FAILED"]) {
    const bus = mockBus({ user: { name: "ann" }, signedIn: true });
    bus.mock.fail("BUS.REGISTER", code, { times: 1 });
    const session = on(bus);
    await session.ready;
    const before = [session.state, session.error?.code ?? null];
    const told = listen(session);
    await bus.mock.reload();
    found[code] = [before, [session.state, session.error], told];
  }
  const { bus, session, told } = await open({ signedIn: true });
  bus.destroy();
  found.destroyed = [await outcome(session.credentials()), session.state, told];
  const gone = mockBus({ signedIn: true });
  const late = on(gone);
  gone.destroy();
  await late.ready;
  found.destroyedEarly = [late.state, late.error.code];
}

// -- what comes too late -------------------------------------------------------------------------
{
  const { bus, mock, session, told } = await open({ signedIn: true });
  const letGo = slow(bus, "AUTH.CREDENTIALS");
  const asked = session.credentials();
  await mock.settled();
  await session.signOut();
  letGo();
  await asked;
  found.lateCredentials = told.splice(0);
  await mock.signInElsewhere({ user: { name: "bob" } });
  told.length = 0;
  const letGoToo = slow(bus, "AUTH.CREDENTIALS");
  await mock.signInElsewhere({ user: { name: "cyd" } });
  await mock.signOutElsewhere();
  letGoToo();
  await mock.settled();
  found.lateMeeting = [told.splice(0), session.state];
  // Of another user, whose sign-in in another tab has not been told yet.
  const race = await open({ signedIn: true });
  race.bus.request = async () => ({ credentials: { idToken: "bob's" }, currentUser: { name: "bob" }, company: {} });
  await race.session.credentials();
  found.anothersToken = [race.told, race.session.user];
  const closing = await open({ signedIn: true });
  closing.session.close();
  await closing.mock.signOutElsewhere();
  await closing.session.credentials().catch(() => {});
  await new Promise((done) => setTimeout(done));
  found.closing = [closing.session.state, closing.told];
}
console.log(JSON.stringify(found));
process.exit(0);
"""
OUT, IN = ["signed-out", "signed-out", None, False], ["signed-in", "signed-in", "ann", True]
FOUND: dict[str, Any] = {
    # A sign-out that is rejected changes nothing, and leads nowhere.
    "signOut": [
        True,
        ["RUNTIME_DIED", "signed-in", []],
        True,
        ["https://id.example.com/logout?client_id=crm"],
        [OUT, IN, OUT],
    ],
    "plainSignOut": [None, []],
    # One request for all who ask for the same at once, and a new one after its answer, whatever that is.
    "credentials": [
        1,
        [{}, {"minValiditySeconds": 60}, {"minValiditySeconds": 0}],
        ["BACKEND_TIMEOUT"] * 2,
        ["AUTH.CREDENTIALS"] * 2,
        "object",
    ],
    # After three seconds the user is told without the company, which follows.
    "restored": [
        0,
        [["restored", "signed-in", "ann", False]],
        [["restored", "signed-in", "ann", True]],
    ],
    "popup": [
        {"name": "ann"},
        [["finish", "function"], ["start", "function", {"redirectUrl": "/cb", "popup": True}]],
        [IN],
    ],
    "closed": ["POPUP_CLOSED", "signed-out", []],
    "back": ["signed-in", None],
    "failed": ["signed-in", "POPUP_CLOSED"],
    "without": ["TypeError", ["BUS.REGISTER", "BUS.INIT"]],
    "listeners": [
        ["first signed-in", "last signed-in", "last refreshed"],
        ["the host's own"] * 2,
        False,
        True,
        True,
    ],
    "fetch": [
        [200, [["error", "the token", "1"]]],
        [200, [["manual", "the token", None]]],
        [200, [["error", "the token", None]]],
        [200, [["follow", "Basic a", "1"]]],
        [200, [["follow", None, None]]],
        [500, [["error", "the token", None]]],
    ],
    "stale": [401, [{}, {"minValiditySeconds": 600}]],
    "retries": [
        [[401], 200, ["old", "fresh"]],
        [[401, 401, 401], 401, ["old", "fresh"]],
        [[503], 503, ["old"]],
        [[403], 403, ["old"]],
    ],
    "noFresher": [401, 1],
    "old": [
        "UNKNOWN_TYPE",
        True,
        "string",
        True,
        ["AUTH.CREDENTIALS"],
        [
            ["signed-in", "unsupported", "ann", True],
            ["signed-out", "unsupported", None, False],
        ],
    ],
    "PAGE_HIDDEN": [["signed-in", None], ["signed-in", None], []],
    "BUS_RELOADED": [["signed-in", None], ["signed-in", None], []],
    "BOOT_FAILED": [
        ["signed-out", "BOOT_FAILED"],
        ["signed-in", None],
        [["restored", "signed-in", "ann", True]],
    ],
    "destroyed": ["DESTROYED", "signed-in", []],
    "destroyedEarly": ["signed-out", "DESTROYED"],
    # What was asked for before says nothing any more.
    "lateCredentials": [OUT],
    "lateMeeting": [[["other-tab", "signed-out", None, False]], "signed-out"],
    "anothersToken": [[], {"name": "ann"}],
    "closing": ["signed-in", []],
}

MUTATIONS = [
    ("if (everywhere && logoutUrl)", "if (logoutUrl)"),
    ("if (everywhere && logoutUrl)", "if (everywhere)"),
    ("return logoutUrl;", "return;"),
    ('now.state === "unsupported" ? {} : await', "await"),
    ("minValidity / 1000", "minValidity"),
    ("asked.get(minValidity) ?? ", ""),
    ("if (asked.get(minValidity) === answer) asked.delete(minValidity);", ""),
    ("{ timeout: SOON }", "{}"),
    ('if (now.state === "signed-in" && !now.company)', "if (false)"),
    ("{ ...options, bus }", "{ bus }"),
    ("throw error; // the host's own", "void error;"),
    ("return () => void listeners.delete(listener);", "return () => {};"),
    ("Object.freeze(after)", "after"),
    ("if (!allowed.has(new URL(request.url).origin))", "if (false)"),
    ("if (!allowed.has(new URL(request.url).origin))", "if (![...allowed].some((each) => request.url.startsWith(each)))"),
    ('request.redirect === "manual" ? "manual" : "error"', "request.redirect"),
    ('request.redirect === "manual" ? "manual" : "error"', '"error"'),
    ("if (response.status !== 401)", "if (response.ok)"),
    (".catch(() => first)", ""),
    ("tokenOf(second) === tokenOf(first) ? response : send(second)", "send(second)"),
    ("minValidity: FRESH", ""),
    ("if (kept) return kept;", ""),
    ('if (now.state === "unsupported") throw now.error;', ""),
    ("if (/^(BUS_RELOADED|PAGE_HIDDEN)$/.test(error.code)) return start(back, failed);", ""),
    ('now.state === "restoring" || now.error;', 'now.state === "restoring";'),
    ("      if (mine === turn) {", "      if (true) {"),
    ("if (mine !== turn) return;\n    if (user", "if (user"),
    ("if (same(got.currentUser, now.user)) learn", "learn"),
    ("if (closed || same(before, after))", "if (same(before, after))"),
]  # fmt: skip
"""Each takes a rule of session.js away."""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return host_modules(tmp_path_factory.mktemp("modules"))


def test_what_a_host_app_may_rely_on(modules: Path) -> None:
    assert run_module(modules, SCRIPT) == FOUND


def test_a_session_that_is_otherwise_is_noticed(modules: Path) -> None:
    right = (CLIENT / "session.js").read_text("utf-8")
    unnoticed = []
    for old, new in MUTATIONS:
        assert right.count(old) == 1, old
        (modules / "session.js").write_text(right.replace(old, new), "utf-8")
        if found_by(modules) == FOUND:
            unnoticed.append(f"{old} -> {new}")
    (modules / "session.js").write_text(right, "utf-8")
    assert "\n".join(unnoticed) == ""


def found_by(modules: Path) -> Any:
    """What the script finds; None if it throws, or waits for what never comes."""
    node = start_node("--input-type=module", "--eval", SCRIPT, cwd=modules)
    out, _ = node.communicate(timeout=60)
    return json.loads(out) if out else None


# -- in jsdom -------------------------------------------------------------------------------------

JSDOM = """
import { readFileSync } from "node:fs";
import { createContext, SourceTextModule } from "node:vm";

const names = ["setTimeout", "clearTimeout", "queueMicrotask", "URL", "AbortController", "AbortSignal", "btoa", "console"];
const window = Object.fromEntries(names.map((name) => [name, globalThis[name]]));
Object.assign(window, { location: new URL("https://app.example.com/"), origin: "https://app.example.com" });
window.document = { createElement: (name) => ({ name }) };
const context = createContext(window);
const modules = new Map();
const load = (name) => {
  if (!modules.has(name)) modules.set(name, new SourceTextModule(readFileSync(name, "utf-8"), { context }));
  return modules.get(name);
};
const test = new SourceTextModule(
  `
  import { mockBus } from "./mock.js";
  import { openSession } from "./session.js";
  const missing = ["structuredClone", "fetch", "Request", "MessageChannel"].filter((name) => name in globalThis);
  const bus = mockBus({ user: { name: "ann" } });
  const session = openSession({ bus, appName: "app", release: "1", origins: ["https://api.example.com"] });
  const told = [];
  session.on("change", ({ reason }) => told.push(reason));
  await session.ready;
  await session.signIn({ code: "c", redirectUrl: "https://app.example.com/cb" });
  await bus.mock.expireTokens();
  await session.credentials({ minValidity: 60_000 });
  session.fetch = async (url) => ({ url, status: 200 });
  const { status } = await session.fetch("https://api.example.com/");
  await bus.mock.signInElsewhere({ user: { name: "bob" } });
  console.log(JSON.stringify([missing, told, session.user, status, bus.mock.asked[0].payload.origin]));
  `,
  { context },
);
await test.link(load);
await test.evaluate();
process.exit(0);
"""
"""What a page of jsdom has, and not what Node has besides: the modules and the test run in it, as in Jest."""


def test_in_a_page_that_has_no_fetch_and_no_structured_clone(modules: Path) -> None:
    node = start_node(
        "--experimental-vm-modules", "--input-type=module", "--eval", JSDOM, cwd=modules
    )
    out, _ = node.communicate(timeout=60)
    reasons = ["restored", "signed-in", "refreshed", "other-user"]
    assert json.loads(out) == [[], reasons, {"name": "bob"}, 200, "https://app.example.com"]
