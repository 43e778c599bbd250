"""django-oauth-toolkit, installed into an environment of its own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from host.tools.paths import ROOT, RUNTIME
from tests.e2e.support.providers.ordered import Ordered

LOCK = ROOT / "providers.lock"
FOLDER = RUNTIME / "providers/django"
SERVER = Path(__file__).parent / "in_django/server.py"
GRACE_SECONDS = 30.0


def installed_python(say: Callable[[str], None] = print) -> Path:
    """Return the Python that has it, which is installed first where it is not there.

    Raises subprocess.CalledProcessError if a download fails or its hash is not the pinned one.
    """
    python = FOLDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    marker = FOLDER / "stamp"
    stamp = sha256(LOCK.read_bytes()).hexdigest()
    if not marker.exists() or marker.read_text() != stamp:
        say("downloading django-oauth-toolkit and what it needs (15 MB) with pip")
        shutil.rmtree(FOLDER, ignore_errors=True)
        # The project's own pip installs into it: another one takes seconds.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(FOLDER)], check=True)
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
        options = ["--disable-pip-version-check", "--quiet", "--require-hashes"]
        subprocess.run([*pip, *options, "-r", str(LOCK)], check=True)
        marker.write_text(stamp)
    return python


class Django:
    """django-oauth-toolkit on Django, in its own process."""

    client_id = "crm-at-django"
    scope = "openid profile email"
    rotates = True
    grace_seconds = GRACE_SECONDS
    # Its ID token has the hash of an access token that is not in the answer.
    repeats_well = False
    forgets_with_its_keys = False
    binds_access_token = True
    logs_out = True
    says_who_is_unknown = False
    wrong_redirect = "invalid_request"
    unknown_token = "invalid_grant"

    def __init__(self, redirect: str, bus_origin: str, org: dict[str, Any]) -> None:
        self.company = org
        options = {
            "redirect": redirect,
            "busOrigin": bus_origin,
            "org": org,
            "client": self.client_id,
            "graceSeconds": GRACE_SECONDS,
        }
        command = [str(installed_python()), str(SERVER), json.dumps(options)]
        self._process = Ordered(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        )
        self.issuer = self._process.issuer
        self.authorization_endpoint = f"{self.issuer}/authorize/"
        self.token_endpoint = f"{self.issuer}/token/"
        self.revocation_endpoint = f"{self.issuer}/revoke_token/"
        self.session_settings = {"revocation_endpoint": self.revocation_endpoint}

    def rotate(self) -> None:
        self._process.order(rotate=True)

    def advance(self, seconds: float) -> None:
        self._process.order(advance=seconds)

    def sign_in(self, page: Page, user: str) -> None:
        page.get_by_label("Username").fill(user)
        page.get_by_label("Password").fill("any")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Authorize").click()

    def sign_out(self, page: Page) -> None:
        page.get_by_role("button", name="Logout").click()

    def stop(self) -> None:
        self._process.stop()
