"""What servers and bus share. The wheel has a file of its own in this one's place, with the bus inside."""

from bus.served import served
from bus.settings import Settings, settings_problems
from bus.settings.oidc import OidcSso

__all__ = ["OidcSso", "Settings", "served", "settings_problems"]
