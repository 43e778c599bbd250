"""Reads the `[bus]` table of a settings file."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .shared import Settings, settings_problems


class ConfigError(Exception):
    """Invalid settings; each line of the text names a key and a reason."""


def load_settings(path: Path) -> Settings:
    """Return the settings in a TOML file (protocol.md, "Settings"). Raises ConfigError."""
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    if "bus" not in tables:
        raise ConfigError(f"{path}: [bus] is missing")
    # In pyscript.toml the other tables are PyScript's; another settings file has only [bus].
    if path.name != "pyscript.toml" and (others := sorted(tables.keys() - {"bus"})):
        raise ConfigError(f"{path}: {others[0]}: is not a setting; all settings belong under [bus]")
    return check_settings(tables["bus"], f"{path}: ")


def check_settings(table: object, where: str = "") -> Settings:
    """Return the settings in a `[bus]` table. Raises ConfigError; each of its lines starts with `where`."""
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        raise ConfigError("\n".join(where + line for line in settings_problems(error))) from None
