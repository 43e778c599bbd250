"""Turns the tree into a static folder that any web server can serve."""

from host.build.config import ConfigError, load_settings
from host.build.site import build

__all__ = ["ConfigError", "build", "load_settings"]
