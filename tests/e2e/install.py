"""Sees to it that there are browsers to test in: what is installed, else Playwright's own, else the
system's package. And nginx, where it can be had.

`python -m tests.e2e.install` wants Chromium; with CI=true in the environment it wants all.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

from playwright.sync_api import Error, sync_playwright

from tests.e2e.browsers import launch
from tests.e2e.nginx import brotli_module, nginx_program
from tests.e2e.webkit import mini_browser

PACKAGES = {
    "chromium": ["chromium"],
    "firefox": ["firefox-esr"],
    "webkit": ["webkit2gtk-driver", "xvfb", "dbus"],
}
"""Debian's packages for each engine."""


def works(engine: str) -> bool:
    """Whether a browser is there that starts and opens a page."""
    if engine == "webkit" and mini_browser():
        return True  # its driver is not Playwright's
    try:
        with sync_playwright() as playwright, launch(playwright, engine) as browser:
            browser.new_page()
    except (LookupError, Error):
        return False
    return True


def from_playwright(engine: str) -> None:
    command = [sys.executable, "-m", "playwright", "install", engine]
    if sys.platform == "linux" and os.geteuid() == 0:
        command.insert(-1, "--with-deps")
    subprocess.run(command, check=False, timeout=600)


def from_the_system(engine: str) -> None:
    apt_install(PACKAGES[engine])


def apt_install(packages: list[str]) -> None:
    if not shutil.which("apt-get"):
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", *packages]):
        subprocess.run([*sudo, "apt-get", *arguments], check=False, timeout=900)


WAYS: list[tuple[str, Callable[[str], None]]] = [
    ("asking Playwright for its own", from_playwright),
    ("asking for the system's package", from_the_system),
]


def ensure(engine: str) -> bool:
    """Find or install a browser, and say what is done. Returns whether there is one now."""
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
    wanted = os.environ.get("SSO_BUS_ENGINES", "chromium").split()
    missing = [engine for engine in wanted if not ensure(engine)]
    ci = os.environ.get("CI") == "true"
    root = shutil.which("apt-get") and os.geteuid() == 0
    # Elsewhere the tests of nginx are skipped where there is none; CI must have it.
    if (ci or (root and nginx_program() is None)) and not ensure_nginx() and ci:
        missing.append("nginx")
    return 2 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
