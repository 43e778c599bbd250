"""LemonLDAP::NG, in Perl, from Debian's packages: unpacked into a folder, nothing of the system is changed."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from playwright.sync_api import Page

from host.tools.paths import RUNTIME

FOLDER = RUNTIME / "providers/lemonldap"
PORTAL = Path(__file__).parent / "in_perl/portal.psgi"
PACKAGES = [
    "liblemonldap-ng-portal-perl",
    "libio-string-perl",  # recommended by it, and necessary for OpenID Connect
    "libstring-random-perl",
    "starman",
    "libnet-server-ss-prefork-perl",
    "faketime",
]


def installed_root(say: Callable[[str], None] = print) -> Path:
    """Return the folder that the packages are unpacked in, which are downloaded if they are not there.

    Raises OSError where there is no apt, subprocess.CalledProcessError if a download fails.
    """
    marker = FOLDER / "stamp"
    stamp = " ".join(PACKAGES)
    if marker.exists() and marker.read_text() == stamp:
        return FOLDER / "root"
    if not shutil.which("apt-get"):
        raise OSError("it comes from Debian's packages, and there is no apt-get here")
    say("downloading LemonLDAP::NG and what it needs (7 MB) with apt-get")
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "packages").mkdir(parents=True)
    try:
        _download(errors=subprocess.DEVNULL)
    except subprocess.CalledProcessError:
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        subprocess.run([*sudo, "apt-get", "update", "-qq"], check=True)  # the lists may be old
        _download(errors=None)
    for package in (FOLDER / "packages").glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(FOLDER / "root")], check=True)
    marker.write_text(stamp)
    return FOLDER / "root"


def _download(errors: int | None) -> None:
    """Get the packages, and those that they need and that are not installed here."""
    plan = ["apt-get", "install", "--simulate", "--no-install-recommends", *PACKAGES]
    done = subprocess.run(plan, check=True, stdout=subprocess.PIPE, stderr=errors, text=True)
    names = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("Inst ")]
    there = set(PACKAGES) - set(names)  # installed here already: unpacked all the same
    download = ["apt-get", "download", "-qq", *names, *sorted(there)]
    subprocess.run(download, check=True, cwd=FOLDER / "packages", stderr=errors)


class Lemonldap:
    """LemonLDAP::NG's portal under Starman, with a configuration of its own."""

    client_id = "crm-at-lemonldap"
    scope = "openid profile email"
    grace_seconds = float("inf")
    repeats_well = True
    rotates = False
    forgets_with_its_keys = False
    binds_access_token = True
    logs_out = True
    revocation_endpoint = None
    says_who_is_unknown = True
    wrong_redirect = "invalid_grant"
    unknown_token = "invalid_request"

    def __init__(self, redirect: str, bus_origin: str, org: dict[str, Any]) -> None:
        root = installed_root().resolve()
        self.session_settings: dict[str, str] = {}
        self.company = {"org": org["name"]}  # its claims are texts
        self._redirect = redirect
        self._bus_origin = bus_origin
        self._folder = TemporaryDirectory()
        self._at = Path(self._folder.name)
        # Starman takes over a socket that is named in its environment, so the port is there before it
        # starts, and while it starts anew.
        self._socket = socket.create_server(("127.0.0.1", 0))
        port = self._socket.getsockname()[1]
        self.issuer = f"http://localhost:{port}"
        self.authorization_endpoint = f"{self.issuer}/oauth2/authorize"
        self.token_endpoint = f"{self.issuer}/oauth2/token"
        for name in ("conf", "sessions/lock", "psessions/lock"):
            (self._at / name).mkdir(parents=True)
        (self._at / "lemonldap-ng.ini").write_text(_INI.format(at=self._at, root=root))
        libraries = next(root.glob("usr/lib/*/perl5")).parent
        self._command = [
            "perl",
            str(root / "usr/bin/starman"),
            str(PORTAL),
            "--preload-app",
            "--workers",
            "4",
        ]
        self._environment = os.environ | {
            "PERL5LIB": ":".join(map(str, [root / "usr/share/perl5", *libraries.glob("perl5/*")])),
            "LD_PRELOAD": str(libraries / "faketime/libfaketime.so.1"),
            "FAKETIME_TIMESTAMP_FILE": str(self._at / "ahead"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "LLNG_DEFAULTCONFFILE": str(self._at / "lemonldap-ng.ini"),
            "SERVER_STARTER_PORT": f"127.0.0.1:{port}={self._socket.fileno()}",
            "SERVER_STARTER_GENERATION": "1",
            "PORTAL_JAVASCRIPT": f"{root}/usr/share/javascript /usr/share/javascript",
            "PORTAL_ORG": org["name"],
            "PORTAL_PEOPLE": "ada",
            "PORTAL_STATIC": str(root / "usr/share/lemonldap-ng/portal/htdocs/static"),
        }
        self.advance(0)
        self._start()

    def rotate(self) -> None:
        self._end()
        self._start()

    def advance(self, seconds: float) -> None:
        (self._at / "ahead").write_text(f"+{seconds:.0f}")

    def sign_in(self, page: Page, user: str) -> None:
        page.locator("input[name=user]").fill(user)
        page.locator("input[name=password]").fill(user)
        page.locator("button[type=submit]").first.click()

    def sign_out(self, page: Page) -> None:
        page.get_by_role("button", name="Accept").click()

    def stop(self) -> None:
        self._end()
        self._socket.close()
        self._folder.cleanup()

    def _end(self) -> None:
        """End it, and let it end its workers; its sessions are files."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _start(self) -> None:
        """Start it with a new key, and wait until it serves."""
        configuration = self._at / "conf/lmConf-1.json"
        configuration.write_text(json.dumps(self._configuration()))
        with (self._at / "log").open("w") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                pass_fds=[self._socket.fileno()],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            answer = httpx.get(f"{self.issuer}/.well-known/openid-configuration", timeout=30)
            answer.raise_for_status()
        except BaseException:
            print((self._at / "log").read_text())
            self.stop()
            raise

    def _configuration(self) -> dict[str, Any]:
        key = rsa.generate_private_key(65537, 2048)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        sessions = {
            "Directory": f"{self._at}/sessions",
            "LockDirectory": f"{self._at}/sessions/lock",
        }
        kept = {"Directory": f"{self._at}/psessions", "LockDirectory": f"{self._at}/psessions/lock"}
        return {
            "cfgNum": 1,
            "cfgDate": 1,
            "key": "only for this run",
            "portal": f"{self.issuer}/",
            "domain": "localhost",
            "securedCookie": 0,
            "whatToTrace": "uid",
            "authentication": "Demo",
            "userDB": "Demo",
            "passwordDB": "Demo",
            "registerDB": "Null",
            "captcha": "::Captcha::None",
            "demoExportedVars": {"uid": "uid", "cn": "cn", "mail": "mail", "org": "org"},
            "globalStorage": "Apache::Session::File",
            "globalStorageOptions": sessions
            | {"generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"},
            "persistentStorage": "Apache::Session::File",
            "persistentStorageOptions": kept,
            "locationRules": {"localhost": {"default": "accept"}},
            "exportedHeaders": {},
            "corsAllow_Origin": self._bus_origin,
            "corsAllow_Headers": "authorization",
            "issuerDBOpenIDConnectActivation": 1,
            "oidcServiceMetaDataIssuer": self.issuer,
            "oidcServicePrivateKeySig": private.decode(),
            "oidcServicePublicKeySig": public.decode(),
            "oidcServiceKeyIdSig": os.urandom(8).hex(),
            "oidcRPMetaDataOptions": {
                "crm": {
                    "oidcRPMetaDataOptionsClientID": self.client_id,
                    "oidcRPMetaDataOptionsPublic": 1,
                    "oidcRPMetaDataOptionsRequirePKCE": 1,
                    "oidcRPMetaDataOptionsBypassConsent": 1,
                    "oidcRPMetaDataOptionsRefreshToken": 1,
                    "oidcRPMetaDataOptionsRedirectUris": self._redirect,
                    "oidcRPMetaDataOptionsPostLogoutRedirectUris": f"{self._redirect}?bye",
                    "oidcRPMetaDataOptionsIDTokenSignAlg": "RS256",
                    "oidcRPMetaDataOptionsIDTokenExpiration": 900,
                    "oidcRPMetaDataOptionsAccessTokenExpiration": 900,
                }
            },
            "oidcRPMetaDataExportedVars": {"crm": {"name": "cn", "email": "mail", "org": "org"}},
            "oidcRPMetaDataOptionsExtraClaims": {"crm": {"profile": "name org"}},
        }


_INI = """\
[all]
logLevel = warn
logger = Lemonldap::NG::Common::Logger::Std
userLogger = Lemonldap::NG::Common::Logger::Std
localSessionStorage =
[configuration]
type=File
dirName={at}/conf
[portal]
staticPrefix = /static
templateDir = {root}/usr/share/lemonldap-ng/portal/templates
languages = en
[handler]
status = 0
"""
