"""`make audit`: asks the package services for known vulnerabilities in everything that is pinned.

It needs the network, so it is not part of the tests.
"""

import subprocess
import sys
from pathlib import Path

from host.tools.node import run_npm
from host.tools.paths import ROOT, WHEELS_LOCK

_UNREACHABLE = """\
audit: {what}: the service that knows of vulnerabilities did not answer in full. pip-audit asks PyPI itself, npm
asks whom it is set up to ask; a proxy or a mirror may not pass that on. Try where they are reached,
or give {locks} to another scanner. The SBOM of a build (sbom.cdx.json) works as well."""

_PIP_AUDIT = Path(sys.prefix) / "audit/bin/pip-audit"
"""In an environment of its own, which `make audit` makes."""


def audit_python() -> bool:
    """Ask about the tools and about what runs in the browser. Returns whether nothing was found."""
    locks = [ROOT / "requirements.lock", ROOT / "providers.lock", WHEELS_LOCK]
    files = [argument for lock in locks for argument in ("--requirement", str(lock))]
    # Nothing is resolved or installed: each lock names everything, with hashes. Strict, because a
    # package that the service does not know would otherwise be skipped, and the result would look good.
    options = ("--disable-pip", "--require-hashes", "--strict", "--progress-spinner=off")
    command = [str(_PIP_AUDIT), *options]
    done = subprocess.run([*command, *files], check=False, capture_output=True, text=True)
    print(done.stdout, end="")
    if done.returncode == 0 or "Found " in done.stderr:
        print(done.stderr.strip())
    else:
        print(_last_line(done.stderr), file=sys.stderr)
        print(_UNREACHABLE.format(what="Python", locks="the .lock files"), file=sys.stderr)
    return done.returncode == 0


def audit_npm(folder: Path) -> bool:
    """Ask about the packages in a folder's package-lock.json. Returns whether nothing was found."""
    try:
        run_npm("audit", "--audit=true", cwd=folder)
    except subprocess.CalledProcessError:
        # npm has said which it is, and ends alike in both cases.
        print("audit: if that is an error and not a list of vulnerabilities:", file=sys.stderr)
        print(_UNREACHABLE.format(what="npm", locks="package-lock.json"), file=sys.stderr)
        return False
    return True


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


if __name__ == "__main__":
    print("audit: Python (requirements.lock, providers.lock, host/tools/wheels.lock)", flush=True)
    python = audit_python()
    print("audit: npm (package-lock.json)", flush=True)
    npm = audit_npm(ROOT)
    print("audit: npm (tests/tools/package-lock.json)", flush=True)
    tools = audit_npm(ROOT / "tests/tools")
    sys.exit(0 if python and npm and tools else 1)
