"""Makes declarations, schemas and the protocol's document from the models of the messages."""

from pathlib import Path

from host.build.runtime import ROOT
from host.types.asyncapi import asyncapi
from host.types.declarations import declarations
from host.types.messages import MESSAGES
from host.types.schema import message_schema
from host.types.text import json_text


def documents() -> dict[Path, str]:
    """Return the text of each file that is made from the models."""
    schemas = {message.type: message_schema(message) for message in MESSAGES}
    docs = ROOT / "docs"
    return {
        ROOT / "host/client.d.ts": declarations("client"),
        ROOT / "host/signin.d.ts": declarations("signin"),
        **{docs / f"schema/{type_}.json": json_text(schema) for type_, schema in schemas.items()},
        docs / "asyncapi.json": json_text(asyncapi()),
    }
