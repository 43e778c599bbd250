"""JSON Schema (draft 2020-12) of each message, made from its model.

A schema never refuses a message that the model accepts. If it cannot express everything that the model
checks, its descriptions say the rest in words (docs/packages.md lists it).
"""

from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bus.messages import (
    EMAIL,
    FROM_BUS,
    EmailAndPasswordPayload,
    Holding,
    MigratedCredentials,
    SignedIn,
    SsoPayload,
)
from host.tools.types.docstrings import field_docs
from host.tools.types.messages import KNOWN, Message, OtherRequest
from host.tools.types.text import first_paragraph

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# Patterns are written for all engines: without look-around (RE2 has none), and with characters in
# place of escapes that only some know.
_NEITHER: Final = r"[^!-\[\]-~]"
_FRAME: Final = ("type", "id", "payload", "meta")
_THERE: Final = {"not": {"type": "null"}}
_ONE_SHAPE: Final[JsonSchemaValue] = {
    "not": {
        "type": "object",
        "required": ["legacy_token"],
        "properties": {"legacy_token": _THERE},
        "anyOf": [
            {"required": [name], "properties": {name: _THERE}}
            for name in MigratedCredentials.model_fields
        ],
    },
}

_BEYOND: Final[dict[tuple[type, str], JsonSchemaValue]] = {
    # The checks of redirect_url_problem, except those of the host: only a URL parser can tell whether it
    # is valid, loopback, and written as a parser writes it.
    (SsoPayload, "redirectUrl"): {
        "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?@#]+([/?][^#]*)?$",
        "not": {"type": "string", "pattern": _NEITHER},
    },
    (EmailAndPasswordPayload, "email"): {
        "pattern": f"^{EMAIL.pattern}$",
        "not": {"type": "string", "pattern": "\n"},
    },
    (SignedIn, "credentials"): _ONE_SHAPE,
    (Holding, "credentials"): _ONE_SHAPE,
    (OtherRequest, "type"): {
        "pattern": r"^[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*$",
        "not": {
            "anyOf": [
                {"enum": sorted({*KNOWN, *FROM_BUS})},
                {"type": "string", "pattern": "_(FULFILLED|REJECTED)$"},
                {"type": "string", "pattern": "\n"},
            ]
        },
    },
}
"""What validators in Python check in addition, in the words of JSON Schema."""


class _Generator(GenerateJsonSchema):
    """Leaves out what concerns only Python: field names as titles, and the values that mean "not sent"."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        made = super().str_schema(schema)
        if "pattern" in made:
            # In Python, "$" also matches before a line feed at the end; no pattern here allows one.
            made["not"] = {"type": "string", "pattern": "\n"}
        return made

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _described(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return _described(super().dataclass_schema(schema), schema["cls"])


def _described(made: JsonSchemaValue, cls: type) -> JsonSchemaValue:
    made["description"] = first_paragraph(cls.__doc__)
    fields = made["properties"]
    made["properties"] = {name: fields[name] for name in _FRAME if name in fields} | fields
    for name, said in field_docs(cls).items():
        made["properties"][name]["description"] = said
    for (owner, name), beyond in _BEYOND.items():
        if issubclass(cls, owner):
            made["properties"][name] |= beyond
    return made


def message_schema(message: Message) -> dict[str, Any]:
    """Return the schema of a message; the models that it consists of are in `$defs`."""
    made = message.adapter.json_schema(schema_generator=_Generator)
    made.pop("title", None)
    return {"$schema": DIALECT, "title": message.type, **made}
