"""session.js in Node, with the mock bus: each reason of a change, told once, and nothing where nothing changed.

The same with the real bus, in a browser: tests/e2e/test_session_js.py.
"""

import json
from pathlib import Path
from typing import Any

from host.tools.node import start_node
from host.tools.paths import CLIENT

SCRIPT = """
const [mockUrl, sessionUrl] = process.argv.slice(1);
const { mockBus } = await import(mockUrl);
const { openSession } = await import(sessionUrl);
const found = {};
const told = [];
const open = (options) => {
  const bus = mockBus({ user: { name: "ann" }, company: { name: "Engines" }, ...options });
  const session = openSession({ bus, appName: "app", release: "1" });
  session.on("change", ({ before, after, reason }) =>
    told.push([before.state, after.state, reason, after.user?.name ?? null, after.company?.name ?? null]));
  return { bus, session, mock: bus.mock };
};
const step = async (name, mock, act) => {
  await act();
  await mock.settled();
  found[name] = told.splice(0);
};
const { bus, session, mock } = open();
const code = { code: "c", redirectUrl: "https://app.example.com/" };
await step("nobody", mock, () => session.ready);
await step("sign-in", mock, () => session.signIn(code));
await step("asked", mock, () => session.credentials());
await step("refresh", mock, () => mock.expireTokens());
await step("frame", mock, () => mock.reload());
await step("after the frame", mock, () => mock.expireTokens());
await step("other user", mock, () => mock.signInElsewhere({ user: { name: "bob" }, company: { name: "Looms" } }));
await step("out elsewhere", mock, () => mock.signOutElsewhere());
await step("in elsewhere", mock, () => mock.signInElsewhere());
await step("over", mock, () => mock.expireSession());
await step("in again", mock, () => session.signIn(code));
await step("sign-out", mock, () => session.signOut());
await step("sign-out again", mock, () => session.signOut());
const codeOf = (promise) => promise.then(() => null, (error) => error.code);
found.asks = await codeOf(session.credentials());
session.close();
await step("closed", mock, () => mock.signInElsewhere());
bus.destroy();

const restored = open({ signedIn: true });
await step("restored", restored.mock, () => restored.session.ready);
restored.session.close();
restored.bus.destroy();

const old = open({ session: false });
await step("old bus", old.mock, () => old.session.ready);
found.error = [old.session.error.code, old.session.error.message];
found.old = await codeOf(old.session.credentials());
old.session.close();
old.bus.destroy();

const down = open({ down: "NOT_ALLOWED" });
await step("down", down.mock, () => down.session.ready);
found.down = [...found.down, down.session.error.code];
down.session.close();
down.bus.destroy();
console.log(JSON.stringify(found));
"""
ANN, BOB, NOBODY = ("ann", "Engines"), ("bob", "Looms"), (None, None)


def played(tmp_path: Path, script: str) -> Any:
    """Run a script in Node with the addresses of mock.js and session.js; return what it says, as JSON."""
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for name in ("client.js", "session.js", "mock.js"):
        (tmp_path / name).write_bytes((CLIENT / name).read_bytes())
    modules = [(tmp_path / name).as_uri() for name in ("mock.js", "session.js")]
    node = start_node("--input-type=module", "--eval", script, *modules, cwd=tmp_path)
    out, _ = node.communicate(timeout=60)
    assert node.returncode == 0
    return json.loads(out)


FETCHES = """
const [mockUrl, sessionUrl] = process.argv.slice(1);
const { mockBus } = await import(mockUrl);
const { openSession } = await import(sessionUrl);
const sent = [];
let status;
globalThis.fetch = async ({ headers }) => {
  sent.push(headers.get("authorization"));
  return new Response(null, { status });
};
const found = [];
for (const options of [{}, { accessTokens: true }, { accessTokens: true, refreshTokens: false }]) {
  const bus = mockBus({ signedIn: true, ...options });
  const session = openSession({ bus, appName: "app", release: "1", origins: ["https://api.example.com"] });
  const told = [];
  session.on("change", ({ reason }) => told.push(reason));
  await session.ready;
  const { credentials } = bus.mock.session;
  for (status of [200, 401]) {
    if (status === 401) await bus.mock.expireTokens();
    const answer = await session.fetch("https://api.example.com/orders").then(({ status }) => status, ({ code }) => code);
    found.push([answer, sent.splice(0), credentials, bus.mock.session?.credentials ?? null]);
  }
  found.push(told);
  session.close();
  bus.destroy();
}
console.log(JSON.stringify(found));
"""


def test_fetch_sends_the_access_token_where_there_is_one(tmp_path: Path) -> None:
    plain, expired, told, access, access_expired, access_told, *alone = played(tmp_path, FETCHES)
    for (status, sent, old, new), wanted in (
        (plain, "idToken"),
        (expired, "idToken"),
        (access, "accessToken"),
        (access_expired, "accessToken"),
    ):
        assert sent == [f"Bearer {new[wanted]}"]
        assert (new == old) == (status == 200)
    assert told == access_told == ["restored", "refreshed"]
    # Without a refresh token, the session is over with its tokens, and nothing is sent.
    (status, sent, old, _), (code, unsent, _, over), reasons = alone
    assert (status, sent) == (200, [f"Bearer {old['accessToken']}"])
    assert "refreshToken" not in old
    assert (code, unsent, over) == ("NO_SESSION", [], None)
    assert reasons == ["restored", "expired"]


def test_each_reason_is_told_once(tmp_path: Path) -> None:
    found = played(tmp_path, SCRIPT)
    code, message = found.pop("error")
    assert code == "UNKNOWN_TYPE"
    assert "[bus.session]" in message
    assert found == {
        "nobody": [["restoring", "signed-out", "restored", *NOBODY]],
        "sign-in": [["signed-out", "signed-in", "signed-in", *ANN]],
        "asked": [],
        "refresh": [["signed-in", "signed-in", "refreshed", *ANN]],
        "frame": [],
        "after the frame": [["signed-in", "signed-in", "refreshed", *ANN]],
        "other user": [["signed-in", "signed-in", "other-user", *BOB]],
        "out elsewhere": [["signed-in", "signed-out", "other-tab", *NOBODY]],
        "in elsewhere": [["signed-out", "signed-in", "other-tab", *ANN]],
        "over": [["signed-in", "signed-out", "expired", *NOBODY]],
        "in again": [["signed-out", "signed-in", "signed-in", *ANN]],
        "sign-out": [["signed-in", "signed-out", "signed-out", *NOBODY]],
        "sign-out again": [],
        "asks": "NO_SESSION",
        "closed": [],
        "restored": [["restoring", "signed-in", "restored", *ANN]],
        "old bus": [["restoring", "unsupported", "restored", *NOBODY]],
        "old": "UNKNOWN_TYPE",
        "down": [["restoring", "signed-out", "restored", *NOBODY], "NOT_ALLOWED"],
    }
