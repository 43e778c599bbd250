"""A built bus for web apps in Python: `app.mount("/bus", bus_app(settings))`.

It needs neither Node nor the network: the package holds all parts of a bus but those that the settings
change, and these are made when the app starts.
"""

from .asgi import bus_app
from .config import ConfigError
from .shared import Settings

__all__ = ["ConfigError", "Settings", "bus_app"]
