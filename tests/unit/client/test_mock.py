"""The mock bus for tests of host apps, in Node.

That it answers as a bus does, tests/scenarios.py says: here it is held to that table, and so is a built
bus in tests/e2e/test_mock.py. What follows is what only the mock has: what a test can do with it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.tools.paths import CLIENT
from tests.node import host_modules, player
from tests.scenarios import SCENARIOS, VERBS, differences, steps_of

HOST = "https://host.example"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return host_modules(tmp_path_factory.mktemp("modules"))


# -- the table ------------------------------------------------------------------------------------


def differing(folder: Path) -> Iterator[str]:
    """What the mock in a folder does otherwise than the table says."""
    with player(folder) as node:
        for name in SCENARIOS:
            node.do({"world": {"hostOrigin": HOST}})
            yield from differences(name, node.do, HOST)


def test_the_mock_answers_as_the_table_says(modules: Path) -> None:
    assert list(differing(modules)) == []


def test_each_step_has_one_verb_and_each_look_an_expectation() -> None:
    for name in SCENARIOS:
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
    ("if (payload.nonce) throw", "if (false) throw"),
    ("other !== key && code !== undefined", "false"),
    ("if (!waiting.size) end(null);", ""),
    ("    if (!wanted()) return;\n", ""),
    ("    met = true;\n", ""),
    ("    expired = false;\n    met", "    met"),
    ('    told = record ? pairOf(record) : "";\n', ""),
    ("expired ||= generation === known", ""),
    ("if (listens && replyPort) told", "if (false) told"),
    ("Math.min(seconds * 1000, world.life / 2)", "seconds * 1000"),
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
    ("return now >= expires ||", "return"),
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
