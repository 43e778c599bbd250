"""Which OpenID Connect providers the tests run against.

SSO_BUS_PROVIDERS in the environment (`make e2e PROVIDERS=…`) names them, or says "all". Else they are
those that come with the project's own tools, and in CI django-oauth-toolkit too.
"""

import os

AT_HAND = ("oidc-provider", "authlib")
"""Those that come with the project's own tools: npm's, and Authlib's server."""
INSTALLED = ("django-oauth-toolkit", "lemonldap-ng")
"""Those that are installed when asked: Django's, and one in Perl, from Debian's packages."""
PROVIDERS = (*AT_HAND, *INSTALLED)


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
    if named:
        return named
    return [*AT_HAND, INSTALLED[0]] if os.environ.get("CI") == "true" else list(AT_HAND)
