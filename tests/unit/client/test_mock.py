"""The mock bus for tests of host apps, in Node.

That it answers as a bus does, tests/scenarios.py says: here it is held to that table, and so is a built
bus in tests/e2e/test_mock.py. What follows is what only the mock has: what a test can do with it.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from host.tools.paths import CLIENT
from tests.node import host_modules, player, run_module
from tests.scenarios import SCENARIOS, VERBS, differences, steps_of

HOST = "https://host.example"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return host_modules(tmp_path_factory.mktemp("modules"))


# -- the table ------------------------------------------------------------------------------------


def play(folder: Path) -> list[str]:
    """All that the mock in a folder does otherwise than the table says."""
    found = []
    with player(folder) as node:
        for name in SCENARIOS:
            node.do({"world": {"hostOrigin": HOST}})
            found += differences(name, node.do, HOST)
    return found


def test_the_mock_answers_as_the_table_says(modules: Path) -> None:
    assert play(modules) == []


def test_each_step_has_one_verb_and_each_look_an_expectation() -> None:
    for name in SCENARIOS:
        for step in steps_of(name):
            verbs = [verb for verb in VERBS if verb in step]
            assert verbs in (["start", "ask"], verbs[:1]), step
            if verbs[0] in ("ask", "end", "ready"):
                assert ("gives" in step) != ("fails" in step), step


MUTATIONS = [
    ("if (!types.includes(type)) throw", "if (problem) throw rejection('INVALID_MESSAGE', problem); if (!types.includes(type)) throw"),
    ("    if (record && active) record.active", "    if (record && !active) meet(record); if (record && active) record.active"),
    ("      meet(record);\n      if (!record", "      if (!record"),
    ("    told = record ? pairOf(record) : \"\";", ""),
    ("    expired ||= generation === known;", ""),
    ("        expired = false;\n", ""),
    ("Math.min(seconds * 1000, world.life / 2)", "seconds * 1000"),
    ("Boolean(record.pause || !world.good(record))", "!world.good(record)"),
    ("if (world.pauseLeft(record) <= 0) await", "await"),
    ("if (now?.generation !== generation) throw noSession();", ""),
    ("tab.lastError ?? rejection", "rejection"),
    ("await world.refreshed();", ""),
    ("if (record) await world.revoke(record);", ""),
    ("[400, 401, 403].includes", "[400, 401, 403, 429, 503].includes"),
    ("if (!failure) await world.revoke(", "if (failure) await world.revoke("),
    ("        if (!waiting.size) end(null);", ""),
    ("      if (!wanted()) return;", ""),
    ("if (!refreshToken) return;", ""),
    ("if (listens && replyPort) told", "if (!replyPort) told"),
    ("if (world.record?.pause && !world.record.pause.asked)", "if (false)"),
    ("!world.record.pause.asked", "world.record.pause"),
    ("(hostOrigin !== undefined && own !== hostOrigin)", "(false)"),
    ("if (world.wants(record) && rested", "if (rested"),
    ("(world.hasTokens(record) && { expiresAt", "({ expiresAt"),
    ("if (code !== \"\" && url.protocol", ""),
    ("sent: true, giveUp", ""),
    ("tab.look(); // it hears first", ""),
    ("if (value.includes(\"#\")) return", "if (url.hash) return"),
    ("error.sent) {", "false) {"),
    ("tab.lastError = null;\n      world.end(record);", "world.end(record);"),
]
"""Each a rule of the mock, taken out."""
