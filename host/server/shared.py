"""What the servers share with the bus. The wheel has its own version of this file, with the bus inside."""

from bus.messages import FROM_BUS
from bus.ports import ASKS_FOR_JSON, FETCH_OPTIONS
from bus.served import served
from bus.settings import Settings, settings_problems
from bus.settings.oidc import OidcSso

__all__ = [
    "ASKS_FOR_JSON",
    "FETCH_OPTIONS",
    "FROM_BUS",
    "OidcSso",
    "Settings",
    "served",
    "settings_problems",
]
