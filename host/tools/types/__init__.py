"""Generates declarations, schemas and the AsyncAPI document from the models of the messages."""

from pathlib import Path

from host.tools.paths import CLIENT, ROOT
from host.tools.types.asyncapi import asyncapi
from host.tools.types.declarations import declarations
from host.tools.types.messages import MESSAGES
from host.tools.types.schema import message_schema
from host.tools.types.text import json_text


def documents() -> dict[Path, str]:
    """Return the text of each file that is generated from the models."""
    schemas = {message.type: message_schema(message) for message in MESSAGES}
    docs = ROOT / "docs"
    return {
        **{
            CLIENT / f"{name}.d.ts": declarations(name)
            for name in ("client", "signin", "session", "warm", "mock")
        },
        **{docs / f"schema/{type_}.json": json_text(schema) for type_, schema in schemas.items()},
        docs / "asyncapi.json": json_text(asyncapi()),
    }
