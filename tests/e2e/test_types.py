"""The generated files, checked with the tools that people use them with."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from host.tools.paths import ROOT
from host.tools.types.messages import MESSAGES
from tests import javascript
from tests.e2e.support.asking import REDIRECT
from tests.e2e.support.example import install_example
from tests.e2e.support.node_tools import SOURCE, node_tools, run_tool, tool_json
from tests.e2e.support.tab import Opener
from tests.e2e.support.world import World
from tests.samples import SAMPLES
from tests.wire import assert_from_bus

EXAMPLE = ROOT / "host/examples/typescript"
DOCS = ROOT / "docs"


# -- JSON Schema ----------------------------------------------------------------------------------


def test_a_validator_in_javascript_judges_as_the_models_do() -> None:
    schemas = {
        type_: json.loads((DOCS / f"schema/{type_}.json").read_text("utf-8")) for type_ in SAMPLES
    }
    expected = [
        (type_, text, verdict)
        for type_, of in SAMPLES.items()
        for verdict, texts in (
            (True, of.accepted),
            (False, of.refused),
            (True, of.only_the_model_refuses),  # by its name: a schema accepts it
        )
        for text in texts
    ]
    samples = [[type_, text] for type_, text, _ in expected]
    verdicts = tool_json("ajv.mjs", stdin=json.dumps({"schemas": schemas, "samples": samples}))
    judged = zip(expected, verdicts, strict=True)
    assert [(sample, verdict) for sample, verdict in judged if verdict is not sample[2]] == []


# -- AsyncAPI -------------------------------------------------------------------------------------


def errors(parsed: dict[str, Any]) -> list[dict[str, Any]]:
    """What is wrong with a document. That there is a newer AsyncAPI is not."""
    return [one for one in parsed["diagnostics"] if one["code"] != "asyncapi-latest-version"]


def test_the_document_of_the_protocol_is_valid() -> None:
    parsed = tool_json("asyncapi.mjs", str(DOCS / "asyncapi.json"))
    assert errors(parsed) == []
    assert parsed["version"] == "3.0.0"
    # Each message, with the schema in the file beside it.
    assert parsed["payloads"] == {message.type: message.type for message in MESSAGES}
    sign_in = parsed["operations"]["signIn"]
    assert (sign_in["action"], sign_in["channel"]) == ("receive", "busWindow")
    assert sign_in["messages"] == ["AUTH.SSO"]
    assert sorted(sign_in["reply"]) == ["AUTH.SSO_FULFILLED", "AUTH.SSO_REJECTED"]
    assert sign_in["replyChannel"] == "replyPort"
    assert parsed["operations"]["signInWithoutPort"]["replyChannel"] == "hostWindow"
    pushed = parsed["operations"]["pushTokens"]
    assert (pushed["action"], pushed["channel"]) == ("send", "replyPort")
    assert pushed["messages"] == ["AUTH.TOKEN_REFRESHED"]
    assert parsed["operations"]["pushTokensWithoutPort"]["channel"] == "hostWindow"
    assert "reply" not in parsed["operations"]["cancel"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"./schema/BUS.READY.json"', '"./schema/BUS.STEADY.json"'),
        ('"action": "send"', '"action": "shout"'),
        ('"#/channels/replyPort"', '"#/channels/elsewhere"'),
    ],
)
def test_the_parser_would_say_if_it_were_not(tmp_path: Path, old: str, new: str) -> None:
    docs = shutil.copytree(DOCS, tmp_path / "docs")
    text = (docs / "asyncapi.json").read_text("utf-8")
    assert old in text
    (docs / "asyncapi.json").write_text(text.replace(old, new), "utf-8")
    assert errors(tool_json("asyncapi.mjs", str(docs / "asyncapi.json")))


# -- TypeScript -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, and beside it what else must compile, and what must not."""
    app = install_example("typescript", tmp_path_factory.mktemp("examples"))
    for name in ("accepted.ts", "refused.ts"):
        shutil.copyfile(SOURCE / name, app / "src" / name)
    return app


def tsc(app: Path, *options: str) -> tuple[int, str]:
    return run_tool("node_modules/typescript/bin/tsc", *options, cwd=app)


@pytest.mark.parametrize("resolution", ["bundler", "nodenext"])
def test_the_example_compiles_and_what_must_not_does_not(app: Path, resolution: str) -> None:
    module = "nodenext" if resolution == "nodenext" else "esnext"
    status, said = tsc(app, "-p", ".", "--module", module, "--moduleResolution", resolution)
    assert (status, said) == (0, "")
    config = json.loads((app / "tsconfig.json").read_text())["compilerOptions"]
    assert config["strict"]
    assert "skipLibCheck" not in config  # the declarations themselves are checked as well


def test_without_the_marks_it_would_not_compile(app: Path) -> None:
    """The marks are read, and nothing else is wrong."""
    path = app / "src/refused.ts"
    text = path.read_text("utf-8")
    marked = [n for n, line in enumerate(text.splitlines(), 1) if "@ts-expect-error" in line]
    path.write_text(text.replace("@ts-expect-error", ""), "utf-8")
    try:
        status, said = tsc(app, "-p", ".")
    finally:
        path.write_text(text, "utf-8")
    wrong = re.findall(r"^src/refused\.ts\((\d+),", said, re.MULTILINE)
    assert status != 0
    assert sorted({int(n) - 1 for n in wrong}) == marked
    assert not re.search(r"^src/(?!refused)", said, re.MULTILINE)


def test_the_example_uses_the_tools_that_it_was_tested_with() -> None:
    tools = json.loads((SOURCE / "package.json").read_text())["devDependencies"]
    example = json.loads((EXAMPLE / "package.json").read_text())["devDependencies"]
    assert example.items() <= tools.items()


# -- the modules that ship ------------------------------------------------------------------------


BREAKS = [
    ("host/client/client.d.ts", "  title?: string", "  name?: string", r"client\.js.* 'title' does not"),
    ("host/client/client.d.ts", "  destroy(): void;", "  end(): void;", r"client\.js.* 'destroy' does not"),
    ("host/client/signin.d.ts", "  features?: string", "  feature?: string", r"signin\.js.* 'features'"),
    ("host/client/signin.js", "location.href", "location.address", r"signin\.js.* 'address' does not"),
    ("bus/early.js", "event.stopImmediatePropagation", "event.stopNow", r"early\.js.* 'stopNow' does not"),
    # What no module's own types tell.
    ("host/client/client.js", "const LOOK =", "export const LOOK =", r"declared\.ts.*'false'"),
    ("host/client/client.d.ts", "  readonly sent:", "  readonly posted:", r"declared\.ts.*'false'"),
]  # fmt: skip


def test_the_modules_that_ship_are_as_declared_and_keep_to_their_types(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tools = node_tools()
    for folder in ("host/client", "bus"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copytree(SOURCE, tmp_path / ".runtime/tools")
    javascript.types(tools, tmp_path)
    for name, old, new, _ in BREAKS:
        text = (tmp_path / name).read_text("utf-8")
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        javascript.types(tools, tmp_path)
    said = capfd.readouterr().out
    found = [len(re.findall(expected, said)) for *_, expected in BREAKS]
    assert [bool(n) for n in found] == [True] * len(BREAKS), said
    assert found[-1] == 2, said  # one line for each of the last two


# -- what a browser hears -------------------------------------------------------------------------


@pytest.fixture
def heard(open_tab: Opener, world: World) -> list[str]:
    """What a bus in a browser has said to a host that sent it all kinds of messages, as JSON."""
    tab = open_tab().goto(world.page)
    tab.run("(src) => raw(src).ready", world.bus())
    requests: list[dict[str, Any]] = [
        {"type": "AUTH.SSO", "payload": {"code": world.backend.answers(), "redirectUrl": REDIRECT}},
        {"type": "AUTH.SSO", "payload": {"code": world.backend.answers(None, 400), "redirectUrl": REDIRECT}},
        {"type": "AUTH.SSO", "payload": {"code": world.backend.sends(b"", 502), "redirectUrl": REDIRECT}},
        {"type": "AUTH.SSO", "payload": 1},
        {"type": "BUS.INIT", "payload": {}},
        {"type": "CRM.FIND", "payload": {}},
    ]  # fmt: skip
    for n, request in enumerate(requests):
        tab.run("(message) => { rawBus.post(message); }", request | {"id": str(n)})
        tab.run("(id) => reply(id)", str(n))
    texts: list[str] = tab.run("() => heard.map(({ data }) => JSON.stringify(data))")
    return texts


def test_what_a_bus_says_is_what_the_models_say(heard: list[str]) -> None:
    names = [assert_from_bus(text) for text in heard]
    assert names == [
        "BUS.LISTENING",
        "BUS.READY",
        "AUTH.SSO_FULFILLED",
        *["AUTH.SSO_REJECTED"] * 3,
        "BUS.INIT_REJECTED",
        "OTHER_REJECTED",
    ]


def test_a_bus_judges_the_samples_as_the_models_do(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    tab.run("(src) => raw(src).ready", world.bus())
    of = SAMPLES["AUTH.SSO"]
    verdicts = dict.fromkeys(of.accepted, True)
    verdicts |= dict.fromkeys([*of.refused, *of.only_the_model_refuses], False)
    judged = {}
    for text in verdicts:
        sample = json.loads(text)
        if not isinstance(sample, dict) or sample.get("type") != "AUTH.SSO":
            continue  # gets no reply
        reply = tab.run("(text) => rawBus.overPort(JSON.parse(text))", text)
        error = reply["payload"]["error"]
        if [detail["message"] for detail in error.get("details", [])] == [NO_NONCE]:
            continue  # this bus's provider has none, whatever it is
        judged[text] = error["code"] not in ("INVALID_PAYLOAD", "INVALID_MESSAGE")
    assert len(judged) > 70
    assert judged == {text: verdicts[text] for text in judged}


NO_NONCE = "has no use with the provider of this bus"
