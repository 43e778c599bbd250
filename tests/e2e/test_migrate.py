"""docs/migrate.md names what is there: in two SDKs as the bench has them, and in the session module."""

import json
import re
from pathlib import Path

import pytest

from host.tools.paths import CLIENT, ROOT
from tests.e2e.support.node_tools import node_tools

GUIDE = (ROOT / "docs/migrate.md").read_text("utf-8")
SDKS = {
    "auth0-spa-js": (
        "@auth0/auth0-spa-js",
        "dist/**/*.d.ts",
        "dist/auth0-spa-js.production.esm.js",
    ),
    "oidc-client-ts": ("oidc-client-ts", "dist/types/*.d.ts"),
}
NOT_ITS_OWN = {"Auth0Provider", "useAuth0", "invalid_grant"}
"""Of auth0-react, and of the provider."""


@pytest.mark.parametrize("sdk", SDKS)
def test_an_sdk_has_each_name_that_it_is_said_to_have(sdk: str) -> None:
    package, *patterns = SDKS[sdk]
    folder = node_tools() / "node_modules" / package
    there = words("".join(read(path) for pattern in patterns for path in folder.glob(pattern)))
    _, rest = GUIDE.split(f"\n## From {sdk}\n")
    rows = [line for line in rest.split("\n## ")[0].splitlines() if line.startswith("| `")]
    named = words("".join(re.findall("`.+?`", "".join(row.split(" | ")[0] for row in rows))))
    assert len(named) > 20
    assert named - there - NOT_ITS_OWN == set()
    version = json.loads(read(folder / "package.json"))["version"].rsplit(".", 1)[0]
    assert f"{sdk} {version}" in GUIDE


def test_the_session_has_each_name_that_replaces_one() -> None:
    declared = read(CLIENT / "session.d.ts") + read(CLIENT / "signin.d.ts")
    named = {*re.findall(r"session\.(\w+)", GUIDE), *re.findall(r"reasons? `([a-z-]+)`", GUIDE)}
    assert len(named) > 10
    assert {name for name in named - {"md"} if not re.search(rf"[\s\"]{name}\b", declared)} == set()


def read(path: Path) -> str:
    return path.read_text("utf-8")


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"[A-Za-z]\w+", text) if len(word) > 3}
