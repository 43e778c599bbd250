"""Which engines the tests run in.

SSO_BUS_ENGINES in the environment names them, such as "chromium firefox". Else CI (CI=true) has all
three, and elsewhere Chromium and the others that are or can be installed; all tests run in
Chromium then, and the CORE in the others: all of them in all three take 35 minutes on two cores.
"""

import os

from host.tools.paths import ROOT

ENGINES = ("chromium", "firefox", "webkit")

CORE = (
    "attacks.test_imitation",
    "attacks.test_nesting",
    "attacks.test_origins",
    "attacks.test_replay",
    "attacks.test_volume",
    "test_ahead",
    "test_boot",
    "test_debug",
    "test_foreign",
    "test_gate",
    "test_lifecycle",
    "test_policy",
    "test_raw",
    "test_secrets",
    "test_session",
    "test_session_kept",
    "test_exchange",
    "test_snapshot",
    "test_warm",
)
"""What runs in Firefox and WebKit even where they are not named: most attacks, the boot and its ends,
life cycles, and that it works. More of them would take `.ci/run` over its half hour."""

FOUND = ROOT / ".runtime/engines"
"""A file for each engine that was looked for unasked: "yes", or "no" and it is not tried again."""


def required() -> list[str]:
    """Return the engines without which the tests fail."""
    if named := os.environ.get("SSO_BUS_ENGINES", "").split():
        return named
    return list(ENGINES) if os.environ.get("CI") == "true" else ["chromium"]


def optional() -> list[str]:
    """Return those that are welcome as well."""
    if os.environ.get("SSO_BUS_ENGINES", "").split():
        return []
    return [engine for engine in ENGINES if engine not in required()]


def found(engine: str) -> bool | None:
    """Return whether an optional engine was found; None if nobody has looked for it yet."""
    path = FOUND / engine
    return path.read_text() == "yes" if path.exists() else None


def keep(engine: str, *, there: bool) -> None:
    """Remember the result, so that later runs do not try to install it again."""
    FOUND.mkdir(parents=True, exist_ok=True)
    (FOUND / engine).write_text("yes" if there else "no")


def chosen() -> list[str]:
    """Return the engines that the tests run in."""
    return [*required(), *(engine for engine in optional() if found(engine))]


def runs(engine: str, module: str) -> bool:
    """Return whether a module's tests run in an engine, by its name within `tests.e2e`."""
    named = os.environ.get("SSO_BUS_ENGINES", "").split()
    return bool(named) or engine == "chromium" or module in CORE
