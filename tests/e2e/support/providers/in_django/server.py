"""django-oauth-toolkit in a Django of its own, set up for the bus as docs/oidc.md says.

Runs in the environment that `providers.django` makes. Takes one JSON argument, {redirect, busOrigin, org, client, graceSeconds}; says
{"issuer": …} once it serves, and answers each order, a line of JSON, by one: {"rotate": true} replaces
the key; {"advance": seconds} moves its clock, 0 sets it right again. Ends when its standard input does.
"""

import json
import sys
import time
from datetime import timedelta
from socketserver import ThreadingMixIn
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.utils import timezone
from jwcrypto.jwk import JWK

LOGIN = """<!doctype html><title>Sign in</title>
<form method="post">{% csrf_token %}{{ form }}<button>Sign in</button></form>"""


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each connection: browsers open some that they do not use at once."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


class Clock:
    """The time for Django and the libraries, which the tests can put ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0
        clock, now = time.time, timezone.now
        time.time = lambda: clock() + self.ahead
        timezone.now = lambda: now() + timedelta(seconds=self.ahead)


def new_key() -> str:
    """Return a new RSA key as PEM."""
    return (
        JWK.generate(kty="RSA", size=2048).export_to_pem(private_key=True, password=None).decode()
    )


def configure(folder: str, options: dict[str, Any]) -> None:
    """Set Django up; its database is in a folder."""
    settings.configure(
        SECRET_KEY=f"only for {folder}",
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF="bus_project",
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": f"{folder}/db.sqlite3",
                "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
            }
        },
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "corsheaders",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "corsheaders.middleware.CorsMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        AUTHENTICATION_BACKENDS=["bus_project.AnyPassword"],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        (
                            "django.template.loaders.locmem.Loader",
                            {"registration/login.html": LOGIN},
                        ),
                        "django.template.loaders.app_directories.Loader",
                    ],
                    "context_processors": ["django.template.context_processors.request"],
                },
            }
        ],
        LOGIN_URL="/accounts/login/",
        CORS_ALLOWED_ORIGINS=[options["busOrigin"]],
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": new_key(),
            "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
            "OAUTH2_VALIDATOR_CLASS": "bus_project.Validator",
            "SCOPES": {"openid": "Sign you in", "profile": "Your name", "email": "Your address"},
            "ID_TOKEN_EXPIRE_SECONDS": 900,
            "ACCESS_TOKEN_EXPIRE_SECONDS": 900,
            "REFRESH_TOKEN_EXPIRE_SECONDS": 90 * 86400,
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": options["graceSeconds"],
            "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
            "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
            "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
            "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
            "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
        },
        ORG=options["org"],
    )
    django.setup()
    call_command("migrate", verbosity=0)


def register(options: dict[str, Any]) -> None:
    """Register the client: public, for the code flow, with RS256."""
    from oauth2_provider.models import Application

    Application.objects.create(
        client_id=options["client"],
        client_type=Application.CLIENT_PUBLIC,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        algorithm=Application.RS256_ALGORITHM,
        redirect_uris=options["redirect"],
        post_logout_redirect_uris=f"{options['redirect']}?bye",
    )


def obey(order: dict[str, Any], clock: Clock) -> None:
    from oauth2_provider.settings import oauth2_settings

    if order.get("rotate"):
        settings.OAUTH2_PROVIDER["OIDC_RSA_PRIVATE_KEY"] = new_key()
        oauth2_settings.reload()
    if "advance" in order:
        clock.ahead = order["advance"]


def main() -> None:
    options = json.loads(sys.argv[1])
    clock = Clock()
    with TemporaryDirectory() as folder:
        configure(folder, options)
        register(options)
        server = make_server("127.0.0.1", 0, get_wsgi_application(), Server, Quiet)
        Thread(target=server.serve_forever, daemon=True).start()
        print(json.dumps({"issuer": f"http://localhost:{server.server_port}/o"}), flush=True)
        for line in sys.stdin:
            obey(json.loads(line), clock)
            print("{}", flush=True)
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
