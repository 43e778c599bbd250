"""Which OpenID Connect providers the tests run against.

SSO_BUS_PROVIDERS in the environment (`make e2e PROVIDERS=…`) names them, or says "all". Else they are
those that come with the project's own tools, and in CI django-oauth-toolkit too.
"""

import os

PROVIDERS = ("oidc-provider", "authlib", "django-oauth-toolkit", "glewlwyd")
"""All of them: npm's, Authlib's server, Django's, and Debian's in C."""


def chosen_providers() -> list[str]:
    """Return the names of the chosen providers. Raises ValueError for an unknown one."""
    named = os.environ.get("SSO_BUS_PROVIDERS", "").split()
    if named == ["all"]:
        return list(PROVIDERS)
    if unknown := [each for each in named if each not in PROVIDERS]:
        raise ValueError(
            f"PROVIDERS: there is no {', no '.join(unknown)}; write all, or some of: "
            f"{' '.join(PROVIDERS)}"
        )
    return named or list(PROVIDERS[: 3 if os.environ.get("CI") == "true" else 2])
