"""The mock bus for tests of host apps, in Node.

tests/scenarios.py says how a bus answers: here the mock is compared with that table, and so is a built
bus in tests/e2e/test_mock.py. What follows is what only the mock has: what a test can do with it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.errors import CODES
from host.tools.node import start_node
from host.tools.paths import CLIENT, ROOT
from tests.node import host_modules, player, run_module
from tests.scenarios import ALL, VERBS, differences, steps_of

HOST = "https://host.example"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return host_modules(tmp_path_factory.mktemp("modules"))


# -- the table ------------------------------------------------------------------------------------


def differing(folder: Path) -> Iterator[str]:
    """What the mock in a folder does otherwise than the table says."""
    with player(folder) as node:
        for name, (options, _) in ALL.items():
            node.do({"world": {"hostOrigin": HOST, **options}})
            yield from differences(name, node.do, HOST)


def test_the_mock_answers_as_the_table_says(modules: Path) -> None:
    assert list(differing(modules)) == []


def test_each_step_has_one_verb_and_each_look_an_expectation() -> None:
    for name in ALL:
        for step in steps_of(name):
            verbs = [verb for verb in VERBS if verb in step]
            assert verbs in (["start", "ask"], verbs[:1]), step
            if verbs[0] in ("ask", "end", "ready"):
                assert ("gives" in step) != ("fails" in step), step


MUTATIONS = [
    (
        "if (!types.includes(type)) throw",
        "if (problem) throw invalid([]);\n    if (!types.includes(type)) throw",
    ),
    ("else if (!isPlain(value)) return", "else if (false) return"),
    ("/\\p{Surrogate}/u.test(value)", "false"),
    ('if (url.protocol !== "https:" && !loopback)', "if (false)"),
    ('value.includes("#")', "url.hash"),
    ('written.replace(/:\\d*$/, "") !== url.hostname', "false"),
    ("hostOrigin !== undefined && own !== hostOrigin", "false"),
    ("if (payload.nonce && !authorization)", "if (false)"),
    ("if (authorization && code !== undefined && !payload.codeVerifier)", "if (false)"),
    ("...(authorization && { authorization", "...(false && { authorization"),
    ("other !== key && code !== undefined", "false"),
    ("if (!waiting.size) end(null);", ""),
    ("    if (!wanted()) return;\n", ""),
    ("    met = true;\n", ""),
    ("    expired = false;\n    met", "    met"),
    ('    told = record ? pairOf(record) : "";\n', ""),
    ("expired ||= generation === known", ""),
    ("if (listens && replyPort) told", "if (false) told"),
    ("Math.min(seconds * 1000, life / 2)", "seconds * 1000"),
    ("[world.life, ...(at ? [at - arrival] : [])]", "[world.life]"),
    ("...(refreshTokens && {", "...({"),
    ("...(accessTokens && { accessToken: `", "...({ accessToken: `"),
    ("accessTokenLifeSeconds && { accessTokenExpiresAt", "{ accessTokenExpiresAt_"),
    ("&& !world.refreshable(record) && world.left(record) <= 0", "&& false"),
    ("Boolean(record.credentials.refreshToken)", "world.hasTokens(record)"),
    ("Boolean(record.pause || !world.good(record))", "!world.good(record, 0)"),
    ("if (world.pauseLeft(record) <= 0) await", "await"),
    ("if (now?.generation !== generation) throw noSession();", "if (!now) return {};"),
    ("throw tab.lastError ?? rejection", "throw rejection"),
    ("if (record) await world.revoke(record);", ""),
    ("[400, 401, 403].includes", "[400, 401, 403, 429, 503].includes"),
    ("if (!failure) await world.revoke", "if (failure) await world.revoke"),
    ("asked: asked === length", "asked: false"),
    ("world.record.pause.length = 0", ""),
    ("&& !world.record.pause.asked", ""),
    ("if (now >= record.expires ||", "if ("),
    ("for (const sign of [...signIns.values()])", "for (const sign of [])"),
    ("signIns.clear();\n    const error", "const error"),
    ("again(error, true)", "again(error, false)"),
    ("(world.hasTokens(record) && { expiresAt", "({ expiresAt"),
]
"""Each takes a rule of the mock away."""


def test_the_table_notices_a_mock_that_is_otherwise(modules: Path) -> None:
    right = (CLIENT / "mock.js").read_text("utf-8")
    unnoticed = []
    for old, new in MUTATIONS:
        assert right.count(old) == 1, old
        (modules / "mock.js").write_text(right.replace(old, new), "utf-8")
        if next(differing(modules), None) is None:
            unnoticed.append(old)
    (modules / "mock.js").write_text(right, "utf-8")
    assert "\n".join(unnoticed) == ""


def test_no_other_module_brings_it_along() -> None:
    others = [path for path in CLIENT.glob("*.js") if path.name != "mock.js"]
    assert len(others) == 4
    assert [path.name for path in others if "mock" in path.read_text("utf-8")] == []


# -- what a test can do with it ---------------------------------------------------------------------

HEAD = """
import { mockBus, mockClock } from "./mock.js";
import { BusError } from "./client.js";
const SSO = { code: "a-code", redirectUrl: "https://app.example.com/cb" };
const PASSWORD = { email: "ann@example.com", password: "a-password" };
const AUTH = { services: ["AUTH"] };
const WHO = { origin: "https://host.example", appName: "app", release: "1" };
const listen = (bus, pushes = []) => {
    for (const type of ["TOKEN_REFRESHED", "REFRESH_TOKEN_EXPIRED", "SESSION_CHANGED"])
        bus.on(`AUTH.${type}`, (payload) => pushes.push([type, payload?.user === undefined ? "" : payload.user]));
    return pushes;
};
const code = (promise) => promise.then((value) => ({ fulfilled: value ?? null }), (error) => error instanceof BusError ? error.code : String(error));
const tell = (value) => console.log(JSON.stringify(value));
"""


def run(modules: Path, text: str) -> Any:
    return run_module(modules, HEAD + text)


def test_a_mock_that_is_left_alone_keeps_no_node_running(modules: Path) -> None:
    text = """
    const bus = mockBus({ signedIn: true });
    await bus.request("BUS.INIT", AUTH);
    tell(bus.origin);
    """
    assert run(modules, text) == "https://bus.example.com"


def test_it_goes_by_the_timers_that_are_faked(modules: Path) -> None:
    text = """
    import { mock } from "node:test";
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
    const bus = mockBus({ user: { name: "Ada" }, signedIn: true });
    const pushes = listen(bus);
    await bus.request("BUS.INIT", AUTH);
    await bus.mock.settled();
    const before = pushes.length;
    const { expiresAt } = await bus.request("AUTH.CREDENTIALS");
    mock.timers.tick(14 * 60_000);
    await bus.mock.settled();
    bus.mock.delay("BUS.REGISTER", Infinity);
    const late = code(bus.request("BUS.REGISTER", WHO, { timeout: 5000 }));
    await bus.mock.settled();
    mock.timers.tick(5000);
    tell([before, expiresAt, pushes.length, bus.mock.backend.map(({ to }) => to), await late]);
    """
    assert run(modules, text) == [1, 1_900_000, 2, ["refresh"], "TIMEOUT"]


def test_each_code_can_be_met(modules: Path) -> None:
    clients = ["REJECTED", "TIMEOUT", "ABORTED", "DESTROYED", "BUS_RELOADED", "NOT_ALLOWED"]
    codes = [*CODES, *clients, "BUS_UNREACHABLE", "MISCONFIGURED"]
    text = """
    const bus = mockBus({ signedIn: true, hostOrigin: WHO.origin });
    const payloads = { "AUTH.SSO": SSO, "AUTH.EMAIL_AND_PASSWORD": PASSWORD, "AUTH.CREDENTIALS": {},
        "AUTH.SIGN_OUT": {}, "BUS.REGISTER": WHO, "BUS.INIT": AUTH, "BUS.DESTROY": AUTH };
    const met = {};
    for (const [type, payload] of Object.entries(payloads)) {
        met[type] = [];
        for (const each of CODES) {
            bus.mock.fail(type, each, { times: 1 });
            met[type].push(await code(bus.request(type, payload)));
        }
        bus.mock.fail(type, { code: "INTERNAL", status: 418, message: "as the test wants" });
        const error = await bus.request(type, payload).catch((error) => error);
        met[type].push(error.message, error.error.code, error.meta);
        await bus.mock.heal();
        met[type].push(typeof (await code(bus.request(type, payload))));
    }
    tell(met);
    """.replace("CODES", str(list(codes)))
    met = run(modules, text)
    assert len(met) == 7
    for of in met.values():
        meta = {"source": "bus", "status": 418}
        assert of == [*codes, "as the test wants", "INTERNAL", meta, "object"]


def test_nothing_secret_is_in_a_line_and_the_test_can_read_it(modules: Path) -> None:
    text = """
    const lines = [];
    const bus = mockBus({ debug: (line) => lines.push(line), clock: mockClock(0) });
    await bus.request("AUTH.SSO", SSO);
    const wrong = await bus.request("AUTH.EMAIL_AND_PASSWORD", { ...PASSWORD, email: "a-secret" }).catch((error) => error);
    await bus.request("AUTH.EMAIL_AND_PASSWORD", PASSWORD);
    tell([lines, JSON.stringify(wrong.error) + wrong.message, bus.mock.asked, bus.mock.backend, bus.mock.session]);
    """
    lines, wrong, asked, backend, session = run(modules, text)
    assert len(lines) == 8
    assert lines[0] == "sso-bus: -> AUTH.SSO 1 0 ms"
    told = "".join([*lines, wrong])
    secrets = ["a-code", "a-password", "a-secret", "ann@", *session["credentials"].values()]
    assert [secret for secret in secrets if secret in told] == []
    assert [each["type"] for each in asked] == ["AUTH.SSO", *["AUTH.EMAIL_AND_PASSWORD"] * 2]
    assert asked[0]["payload"]["code"] == "a-code"
    assert [each["to"] for each in backend] == ["exchange", "sign-in"]
    assert backend[1]["body"]["password"] == "a-password"


def test_another_tab(modules: Path) -> None:
    text = """
    const bus = mockBus({ user: { name: "Ada" }, signedIn: true });
    const pushes = listen(bus);
    const before = await bus.request("BUS.REGISTER", WHO);
    await bus.request("BUS.INIT", AUTH);
    await bus.mock.signOutElsewhere();
    await bus.mock.signInElsewhere({ user: { name: "Bob" }, credentials: { legacy_token: "old" } });
    await bus.mock.expireSession();
    await bus.mock.signInElsewhere();
    tell([before, pushes, bus.mock.session.user]);
    """
    assert run(modules, text) == [
        {"user": {"name": "Ada"}},
        [
            ["TOKEN_REFRESHED", ""],
            ["SESSION_CHANGED", None],
            ["SESSION_CHANGED", {"name": "Bob"}],
            ["REFRESH_TOKEN_EXPIRED", ""],
            ["SESSION_CHANGED", {"name": "Ada"}],
            ["TOKEN_REFRESHED", ""],
        ],
        {"name": "Ada"},
    ]


def test_a_bus_that_is_out_of_order(modules: Path) -> None:
    text = """
    const told = [];
    for (const down of ["NOT_ALLOWED", "BOOT_FAILED"]) {
        const bus = mockBus({ down, signedIn: true });
        const error = await bus.request("AUTH.SSO", SSO).catch((error) => error);
        told.push([await code(bus.ready), error.code, error.sent, error.evidence?.length ?? error.meta]);
        await bus.mock.reload();
        told.push(typeof (await code(bus.request("AUTH.SSO", SSO))));
    }
    const bus = mockBus({ signedIn: true });
    const other = bus.mock.openTab();
    const pushes = listen(other);
    await other.request("BUS.REGISTER", WHO);
    await other.request("BUS.INIT", AUTH);
    const letGo = bus.mock.hold("AUTH.CREDENTIALS");
    const pending = [code(bus.request("AUTH.CREDENTIALS")), code(bus.request("AUTH.CREDENTIALS"))];
    await bus.mock.settled();
    await bus.mock.reload();
    told.push(await pending[0]);
    pending[2] = code(bus.request("AUTH.CREDENTIALS"));
    await bus.mock.settled();
    await bus.mock.down("RUNTIME_DIED");
    told.push(await pending[2], await code(bus.request("AUTH.SIGN_OUT")), bus.mock.session);
    await bus.mock.settled();
    told.push(pushes.map(([type]) => type));
    await letGo();
    tell(told);
    """
    assert run(modules, text) == [
        ["NOT_ALLOWED", "NOT_ALLOWED", False, 1],
        "object",
        ["BOOT_FAILED", "BOOT_FAILED", True, {"source": "bus"}],
        "object",
        "BUS_RELOADED",
        "RUNTIME_DIED",
        "RUNTIME_DIED",
        None,
        ["TOKEN_REFRESHED", "SESSION_CHANGED"],
    ]


def test_what_the_options_are_for(modules: Path) -> None:
    text = """
    const told = {};
    const claims = (token) => JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
    const clock = mockClock(0);
    const bus = mockBus({ clock, lifeSeconds: 60, claims: { name: "Ad\u00e8le" }, idleMinutes: 10, timeout: 7,
        logoutUrl: "https://idp.example.com/out", bootMs: 3000, origin: "https://sso.example",
        user: ({ code }, type) => ({ name: code, type }) });
    const early = code(bus.request("AUTH.SSO", SSO, { timeout: 4000 }));
    await clock.advance(2999);
    told.before = bus.mock.backend.length;
    await clock.advance(1);
    const { fulfilled } = await early;
    const { iat, exp, name } = claims(fulfilled.credentials.idToken);
    told.token = [iat, exp, name];
    told.user = fulfilled.currentUser;
    told.bus = [bus.origin, bus.timeout, typeof bus.iframe];
    told.out = [await bus.request("AUTH.SIGN_OUT"), bus.mock.session];
    await bus.request("AUTH.SSO", SSO);
    await clock.advance(9 * 60_000);
    await bus.request("BUS.REGISTER", WHO);
    await clock.advance(9 * 60_000);
    told.awake = await code(bus.request("BUS.REGISTER", WHO));
    await clock.sleep(10 * 60_000);
    told.idle = await code(bus.request("BUS.REGISTER", WHO));
    const plain = mockBus({ session: false, password: false });
    told.plain = [(await plain.ready).types, await code(plain.request("AUTH.CREDENTIALS")),
        await code(plain.request("AUTH.EMAIL_AND_PASSWORD", PASSWORD))];
    await plain.request("AUTH.SSO", SSO);
    told.forgets = plain.mock.session;
    const window = mockBus({ replyPort: false, signedIn: true });
    const pushes = listen(window);
    for (const _ of [1, 2]) await window.request("BUS.INIT", AUTH);
    await window.mock.settled();
    told.once = pushes.length;
    tell(told);
    """
    assert run(modules, text) == {
        "before": 0,
        "token": [3, 63, "Adèle"],
        "user": {"name": "a-code", "type": "AUTH.SSO"},
        "bus": ["https://sso.example", 7, "undefined"],
        "out": [{"logoutUrl": "https://idp.example.com/out"}, None],
        "awake": {"fulfilled": {"user": {"name": "a-code", "type": "AUTH.SSO"}}},
        "idle": {"fulfilled": None},
        "plain": [["AUTH.SSO", "BUS.CANCEL"], "UNKNOWN_TYPE", "UNKNOWN_TYPE"],
        "forgets": None,
        "once": 1,
    }


def test_a_bus_that_says_how_a_sign_in_begins(modules: Path) -> None:
    text = """
    const authorization = { authorizeUrl: "https://a.example/", clientId: "c", scope: "openid",
        issuer: "https://a.example", issRequired: true, params: { prompt: "consent" } };
    const bus = mockBus({ authorization });
    const ready = await bus.ready;
    ready.authorization.params.prompt = "none";
    const pkce = { ...SSO, codeVerifier: "v".repeat(43) };
    const [one, two, three] = [
        await code(bus.request("AUTH.SSO", pkce)),
        await code(bus.request("AUTH.SSO", { ...pkce, nonce: "n" })),
        await code(bus.request("AUTH.SSO", SSO)),
    ];
    const heard = new Promise((done) => bus.on("BUS.READY", done));
    await bus.mock.reload();
    tell([(await heard).authorization, typeof one, typeof two, three, (await mockBus().ready).authorization]);
    """
    assert run(modules, text) == [
        {
            "authorizeUrl": "https://a.example/",
            "clientId": "c",
            "scope": "openid",
            "issuer": "https://a.example",
            "issRequired": True,
            "params": {"prompt": "consent"},
        },
        "object",
        "object",
        "INVALID_PAYLOAD",
        None,
    ]


def test_what_a_host_gets_is_its_own(modules: Path) -> None:
    text = """
    const bus = mockBus({ user: { name: "Ada" } });
    const one = await bus.request("AUTH.SSO", SSO);
    one.currentUser.name = "Eve";
    one.credentials.idToken = "forged";
    const again = await bus.request("AUTH.CREDENTIALS");
    bus.mock.session.user.name = "Eve";
    const calls = [];
    bus.on("CRM.CHANGED", () => calls.push(1));
    const stop = bus.on("BUS.READY", () => calls.push(2));
    stop();
    await bus.mock.reload();
    tell([again.currentUser, again.credentials.idToken === "forged", bus.mock.session.user, calls]);
    """
    assert run(modules, text) == [{"name": "Ada"}, False, {"name": "Ada"}, []]


# -- the guide ------------------------------------------------------------------------------------


def test_the_example_of_the_guide(modules: Path) -> None:
    guide = (ROOT / "docs/session.md").read_text("utf-8")
    section = guide.split("## Test your app with the mock\n")[1].split("\n## ")[0]
    [example] = re.findall(r"```js\n(.+?)```", section, re.S)
    for name in ("mock", "session"):
        assert f'"sso-bus-client/{name}"' in example
        example = example.replace(f'"sso-bus-client/{name}"', f'"./{name}.js"')
    path = modules / "session.test.js"
    path.write_text(example, "utf-8")
    node = start_node("--test", "--test-reporter=tap", path.name, cwd=modules)
    said, _ = node.communicate(timeout=60)
    assert node.returncode == 0, said
    assert "# pass 4\n" in said


def test_the_guide_lists_all_that_a_test_can_do(modules: Path) -> None:
    guide = (ROOT / "docs/session.md").read_text("utf-8")
    table = guide.split("| `bus.mock` | |\n")[1].split("\n\n")[0]
    cells = "".join(line.split(" | ")[0] for line in table.splitlines())
    listed = re.findall(r"`([a-zA-Z]+)[(`]", cells)
    there = run(modules, "tell(Object.keys(mockBus().mock));")
    assert {*listed, "clock"} == {*there}
