"""Provides browsers to test in: the installed ones, or else Playwright's own, or else the
system's package. And nginx, where it can be had.

`python -m tests.e2e.support.install` wants Chromium, and tries for Firefox and WebKit; with CI=true in the
environment it wants all three, and with SSO_BUS_ENGINES just those that are named there.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from playwright.sync_api import Error, sync_playwright

from tests.e2e.support.browsers import launch
from tests.e2e.support.engines import found, keep, optional, required
from tests.e2e.support.nginx import brotli_module, nginx_program
from tests.e2e.support.webkit import mini_browser

PACKAGES = {
    "chromium": ["chromium"],
    "firefox": ["firefox-esr"],
    "webkit": ["webkit2gtk-driver", "xvfb", "dbus"],
}
"""Debian's packages for each engine."""


def works(engine: str) -> bool:
    """Whether there is a browser that starts and opens a page."""
    if engine == "webkit" and mini_browser():
        return True  # its driver is not Playwright's
    try:
        with sync_playwright() as playwright, launch(playwright, engine) as browser:
            browser.new_page()
    except (LookupError, Error):
        return False
    return True


def from_playwright(engine: str, *, quiet: bool = False) -> None:
    command = [sys.executable, "-m", "playwright", "install", engine]
    if _root():
        command.insert(-1, "--with-deps")
    subprocess.run(command, check=False, timeout=600, capture_output=quiet)


def from_the_system(engine: str, *, quiet: bool = False) -> None:
    apt_install(PACKAGES[engine], quiet=quiet)


def apt_install(packages: list[str], *, quiet: bool = False) -> None:
    if not shutil.which("apt-get"):
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", *packages]):
        command = [*sudo, "apt-get", *arguments]
        subprocess.run(command, check=False, timeout=900, capture_output=quiet)


WAYS: list[tuple[str, Callable[[str], None]]] = [
    ("asking Playwright for its own", from_playwright),
    ("asking for the system's package", from_the_system),
]


def welcome(engine: str) -> bool:
    """Find a browser, or try once to install it. Returns whether there is one now.

    Without asking, nothing of the system's is changed, unless the system is one's own to change.
    """
    known = found(engine)
    there = works(engine)
    if not there and known is None:
        print(f"browsers: looking for {engine} to test in as well", flush=True)
        ways = [from_playwright, *([from_the_system] if _root() else [])]
        for way in ways:
            with suppress(subprocess.TimeoutExpired):
                way(engine, quiet=True)
            if there := works(engine):
                break
    keep(engine, there=there)
    return there


def _root() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0


def ensure(engine: str) -> bool:
    """Find or install a browser, and print what happens. Returns whether there is one now."""
    if works(engine):
        return True
    for what, way in WAYS:
        print(f"browsers: no {engine} that starts; {what}", flush=True)
        try:
            way(engine)
        except subprocess.TimeoutExpired:
            print(f"browsers: that took too long ({engine})", flush=True)
        if works(engine):
            return True
    print(
        f"browsers: could not get {engine}. On Debian or Ubuntu: "
        f"sudo apt-get install {' '.join(PACKAGES[engine])}; elsewhere: "
        f".venv/bin/playwright install --with-deps {engine}",
        file=sys.stderr,
    )
    return False


def ensure_nginx() -> bool:
    """Find nginx and its brotli module, or install them. Returns whether both are there now."""
    if nginx_program() is None:
        print("nginx: none here; asking for the system's package", flush=True)
        apt_install(["nginx"])
    if nginx_program() and brotli_module() is None:
        apt_install(["libnginx-mod-http-brotli-static"])
    if nginx_program() is None or brotli_module() is None:
        print(
            "nginx: could not get it with its brotli module; tests of those are left out. On Debian: "
            "sudo apt-get install nginx libnginx-mod-http-brotli-static",
            file=sys.stderr,
        )
        return False
    return True


def main() -> int:
    missing = [engine for engine in required() if not ensure(engine)]
    if missing:
        return 2
    if absent := [engine for engine in optional() if not welcome(engine)]:
        print(
            f"browsers: the tests run without {' and '.join(absent)}, which could not be had here; "
            f'to try again: make e2e ENGINES="{" ".join(absent)}"'
        )
    ci = os.environ.get("CI") == "true"
    root = shutil.which("apt-get") and os.geteuid() == 0
    # CI must have nginx; elsewhere its tests are skipped if it is missing.
    if (ci or (root and nginx_program() is None)) and not ensure_nginx() and ci:
        missing.append("nginx")
    return 2 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
