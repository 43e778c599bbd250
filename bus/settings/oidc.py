"""`[bus.sso]` for an OpenID Connect provider."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ..urls import origin_of, policy_problem
from .types import FetchedUrl, HttpUrl, Origin, Table, distinct

DEFAULT_SCOPE: Final = "openid profile email offline_access"
WELL_KNOWN: Final = "/.well-known/openid-configuration"

_OWN_PARAMS = {
    "grant_type", "code", "redirect_uri", "client_id", "code_verifier", "refresh_token",
}  # fmt: skip
_SECRETS = {"client_secret", "client_assertion", "client_assertion_type"}
# What startSignIn sends itself, and what has a setting of its own (RFC 6749, 4.1.1; RFC 7636, 4.3).
_HOSTS_PARAMS = {
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
    "code_challenge_method",
}  # fmt: skip
_SET_ELSEWHERE = {"max_age": "max_age_seconds", "acr_values": "acr_values"}
_OWN_HEADERS = {"accept", "authorization", "content-type", "dpop"}
# Headers that only the browser may set (Fetch, "forbidden request-header").
_BROWSERS_HEADERS = {
    "accept-charset", "accept-encoding", "access-control-request-headers",
    "access-control-request-method", "connection", "content-length", "cookie", "cookie2", "date",
    "dnt", "expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te", "trailer",
    "transfer-encoding", "upgrade", "via",
}  # fmt: skip


def _wrong(problem: str) -> PydanticCustomError:
    return PydanticCustomError("oidc", "{problem}", {"problem": problem})


def _issuer(value: str) -> str:
    if "?" in value:
        raise _wrong("must not have a query (OpenID Connect Discovery 1.0, 3)")
    return value


def _scope(value: str) -> str:
    if "openid" not in value.split(" "):
        raise _wrong("must contain openid: without it, a provider gives no ID token")
    return value


def _claim(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and value and all(map(_is_name, value)):
        return tuple(value)
    raise _wrong("must be the name of a claim, or a list of names, none of them empty")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


_ABSOLUTE_URI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=\[\]]|%[0-9A-Fa-f]{2})+"
)
"""RFC 3986, 4.3, loosely: what follows the scheme is only checked for characters that no URI has."""


def _resources(value: object) -> tuple[str, ...]:
    resources = (value,) if isinstance(value, str) else value
    if not isinstance(resources, list | tuple):
        raise _wrong("must be an absolute URI, or a list of them")
    for each in resources:
        if not (isinstance(each, str) and _ABSOLUTE_URI.fullmatch(each)):
            raise _wrong(f"{each!r} is not an absolute URI without a fragment (RFC 8707, 2)")
    if len(set(resources)) < len(resources):
        raise _wrong("lists a URI twice")
    return tuple(resources)


def _params(values: dict[str, str]) -> dict[str, str]:
    for name in values:
        if name in _SECRETS:
            raise _wrong(f"{name}: everybody can read it here; register a public client instead")
        if name in _OWN_PARAMS:
            raise _wrong(f"{name}: the bus sets this itself")
    return values


def _authorization_params(values: dict[str, str]) -> dict[str, str]:
    for name, value in values.items():
        if name in _SECRETS:
            raise _wrong(f"{name}: everybody can read it here; register a public client instead")
        if name in _HOSTS_PARAMS:
            raise _wrong(f"{name}: the host page sets this itself")
        if name in _SET_ELSEWHERE:
            raise _wrong(f"{name}: set bus.sso.{_SET_ELSEWHERE[name]}, which the bus checks")
        if name == "response_mode" and value not in ("query", "fragment"):
            raise _wrong("response_mode: must be query or fragment, which a page can read")
    return values


def _headers(values: dict[str, str]) -> dict[str, str]:
    for name, value in values.items():
        lowered = name.lower()
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise _wrong(f"{name!r} is not the name of a header")
        if lowered in _OWN_HEADERS:
            raise _wrong(f"{name}: the bus sets this itself")
        if lowered in _BROWSERS_HEADERS or lowered.startswith(("proxy-", "sec-")):
            raise _wrong(f"{name}: a browser sets this itself, and nobody else can")
        if not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", value):
            raise _wrong(f"{name}: must be printable ASCII without spaces at its ends")
    return values


class OidcSso(Table):
    """`[bus.sso]` for an OpenID Connect provider with a public client that uses PKCE.

    Endpoints come from discovery, except those that are set here.
    """

    provider: Literal["oidc"]
    issuer: Annotated[HttpUrl, AfterValidator(_issuer)]
    """The issuer, character for character as the provider writes it."""
    client_id: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]+$")]
    scope: Annotated[
        str, StringConstraints(pattern=r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$"), AfterValidator(_scope)
    ] = DEFAULT_SCOPE
    """The scope that host pages request when a sign-in begins; the bus itself does not send it."""
    company_claim: Annotated[str | tuple[str, ...], BeforeValidator(_claim)] = ""
    """The claim that holds the company, or a dotted path to it; none if empty.

    A list of names is a path too, for names that contain dots (`https://example.com/org`).
    """
    userinfo: bool = True
    """Whether the bus asks the userinfo endpoint, if there is one, for the current user."""
    refresh_token: Literal["required", "optional"] = "required"  # noqa: S105 - it is no token
    """Whether a sign-in without a refresh token is refused, or gives a session that ends with its tokens."""
    access_token: bool = False
    """Whether hosts get the access token too, for APIs that ask for one."""
    resource: Annotated[tuple[str, ...], BeforeValidator(_resources)] = ()
    """The APIs that the access token is for (RFC 8707): one absolute URI or several."""
    audience: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$")] = ""
    """What the access token is for, at providers that have their own parameter for it (Auth0)."""
    dpop: Literal["off", "refresh-token", "all"] = "off"
    """Which tokens must be bound to a key that only the bus can use (DPoP, RFC 9449)."""
    clock_skew_seconds: Annotated[float, Field(ge=0, le=300)] = 60
    """By how much this machine's clock and the provider's may differ, in seconds."""
    connect_origins: (
        Annotated[tuple[Origin, ...], Field(strict=False), AfterValidator(distinct)] | None
    ) = None
    """The origins that the bus may fetch from. If it is not set, the build fills it in."""
    discovery_url: FetchedUrl | None = None
    token_endpoint: FetchedUrl | None = None
    jwks_uri: FetchedUrl | None = None
    userinfo_endpoint: FetchedUrl | None = None
    revocation_endpoint: FetchedUrl | None = None
    """Where refresh tokens are revoked (RFC 7009); with `[bus.session]` only."""
    end_session_endpoint: HttpUrl | None = None
    """Where the browser ends the provider's own session; with `[bus.session]` only."""
    authorization_endpoint: HttpUrl | None = None
    """Where host pages begin a sign-in. If it is not set, the build fills it in. The bus never asks it."""
    iss_required: bool | None = None
    """Whether each answer names its issuer (RFC 9207). If it is not set, the build fills it in."""
    authorization_params: Annotated[
        dict[str, str], Field(default_factory=dict), AfterValidator(_authorization_params)
    ]
    """More parameters for the authorization endpoint."""
    max_age_seconds: Annotated[int, Field(ge=0)] | None = None
    """How long ago the user may have authenticated at the provider when a sign-in ends, in seconds."""
    acr_values: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[!#-\[\]-~]+$")], ...],
        Field(strict=False),
    ] = ()
    """The authentication context classes that are accepted, the preferred one first; any, if empty."""
    extra_params: Annotated[dict[str, str], Field(default_factory=dict), AfterValidator(_params)]
    """More parameters for the token endpoint."""
    extra_headers: Annotated[dict[str, str], Field(default_factory=dict), AfterValidator(_headers)]
    """More headers for the token, userinfo and revocation endpoints."""

    @property
    def discovery(self) -> str | None:
        """Where the provider's metadata is (OpenID Connect Discovery 1.0, 4.1).

        None if the settings have all endpoints that it would name.
        """
        if self.token_endpoint and self.jwks_uri and (self.userinfo_endpoint or not self.userinfo):
            return None
        return self.discovery_url or self.issuer.removesuffix("/") + WELL_KNOWN

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that the bus fetches from, as far as the settings name them."""
        return self.connect_origins or tuple(dict.fromkeys(self._known().values()))

    def _known(self) -> dict[str, str]:
        """The origin of each address that the settings give, by the setting's name."""
        urls = {
            "discovery_url" if self.discovery_url else "issuer": self.discovery,
            "token_endpoint": self.token_endpoint,
            "jwks_uri": self.jwks_uri,
            "userinfo_endpoint": self.userinfo_endpoint if self.userinfo else None,
            "revocation_endpoint": self.revocation_endpoint,
        }
        return {name: origin_of(url) for name, url in urls.items() if url}

    @model_validator(mode="after")
    def _access_is_wanted(self) -> Self:
        for name in ("resource", "audience"):
            if getattr(self, name) and not self.access_token:
                raise _wrong(f"{name} needs access_token = true")
            for params in ("extra_params", "authorization_params"):
                if getattr(self, name) and name in getattr(self, params):
                    raise _wrong(f"{name} is a setting of its own, and {params} has it too")
        return self

    @model_validator(mode="after")
    def _hosts_can_use_what_they_get(self) -> Self:
        if self.access_token and self.dpop == "all":
            raise _wrong(
                "access_token must be false with dpop = 'all': the access token is bound to a key that "
                "only the bus has, so no host could use it. Bind the refresh token alone, with dpop = "
                "'refresh-token', if the provider can"
            )
        return self

    @model_validator(mode="after")
    def _issuer_can_be_asked(self) -> Self:
        # If discovery_url or all endpoints are set, the issuer is only a name, and is not fetched.
        if self.discovery and not self.discovery_url and (problem := policy_problem(self.issuer)):
            raise _wrong(f"issuer {problem}")
        return self

    @model_validator(mode="after")
    def _all_listed(self) -> Self:
        for name, origin in self._known().items():
            if self.connect_origins is not None and origin not in self.connect_origins:
                raise _wrong(f"connect_origins must list {origin}, the origin of {name}")
        return self
