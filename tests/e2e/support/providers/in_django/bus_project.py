"""What a Django project adds to django-oauth-toolkit for the bus, and people with any name."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.views import LoginView
from django.urls import include, path
from oauth2_provider.oauth2_validators import OAuth2Validator


class Validator(OAuth2Validator):
    """The claims; and no wrong `auth_time` (docs/oidc.md, "django-oauth-toolkit")."""

    oidc_claim_scope = OAuth2Validator.oidc_claim_scope | {"org": "profile"}

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        user = request.user
        return {
            "sub": user.username,
            "name": user.username,
            "email": user.email,
            "org": settings.ORG,
        }

    def get_id_token_dictionary(self, token: Any, token_handler: Any, request: Any) -> Any:
        claims, expires = super().get_id_token_dictionary(token, token_handler, request)
        if request.grant_type == "refresh_token":
            del claims["auth_time"]
        return claims, expires


class AnyPassword(ModelBackend):
    """Lets everybody in, by any name and with any password."""

    def authenticate(self, request: Any, username: str = "", **_: Any) -> Any:
        user, _new = get_user_model().objects.get_or_create(
            username=username, defaults={"email": f"{username}@example.com"}
        )
        return user


urlpatterns = [
    path("accounts/login/", LoginView.as_view()),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]
