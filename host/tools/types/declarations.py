"""TypeScript declarations of the modules for hosts: the functions by hand, all messages from the models."""

from itertools import chain
from pathlib import Path
from typing import Any, Final

from host.tools.types.messages import ANNOUNCED, MESSAGES, PUSHED, Message
from host.tools.types.schema import message_schema

_HERE: Final = Path(__file__).parent
_MARK: Final = "// (the types of all messages come here)\n"
_HEAD: Final = """\
// Made by `make generate` from host/tools/types/{name}.in.d.ts and the models of the messages: change those.
"""


def declarations(name: str) -> str:
    """Return the declarations of a module: its template, with the messages at the mark."""
    text = (_HERE / f"{name}.in.d.ts").read_text(encoding="utf-8")
    return _HEAD.format(name=name) + text.replace(_MARK, _messages())


def _messages() -> str:
    schemas = {
        message.name: message_schema(message)
        for message in MESSAGES
        if not message.type.startswith("OTHER")  # their types are just strings
    }
    named: dict[str, dict[str, Any]] = {}
    for name, schema in schemas.items():
        named |= schema.pop("$defs", {}) | {name: schema}
    types = {message.type: message for message in MESSAGES}
    answered = [message for message in MESSAGES if f"{message.type}_FULFILLED" in types]
    pushed = [types[type_] for type_ in (*ANNOUNCED, *PUSHED)]
    return "\n".join(
        chain(
            (_declared(name, schema) for name, schema in named.items()),
            (
                _map(
                    "Requests",
                    "Each request that is answered, and with what. A host adds types of its own by declaration merging.",
                    answered,
                    _pair,
                ),
                _map("Pushes", "What the bus says unasked; likewise.", pushed, _payload),
            ),
        )
    )


def _map(name: str, said: str, messages: list[Message], value: Any) -> str:
    lines = (f'  "{message.type}": {value(message)};\n' for message in messages)
    return f"/** {said} */\nexport interface {name} {{\n{''.join(lines)}}}\n"


def _pair(message: Message) -> str:
    answer = next(each for each in MESSAGES if each.type == f"{message.type}_FULFILLED")
    return f"{{ payload: {_payload(message)}; result: {_payload(answer)} }}"


def _payload(message: Message) -> str:
    schema = message_schema(message)
    if "payload" not in schema["properties"]:
        return "undefined"
    optional = "payload" not in schema["required"]
    return _type(schema["properties"]["payload"]) + (" | undefined" if optional else "")


def _declared(name: str, schema: dict[str, Any]) -> str:
    said = _comment(schema.get("description"))
    if schema.get("type") != "object":
        members = schema.get("enum") or schema["anyOf"]
        return f"{said}export type {name} =" + "".join(f"\n  | {_type(m)}" for m in members) + ";\n"
    if not schema["properties"]:  # to an empty interface, every object would be assignable
        return f"{said}export type {name} = Record<string, never>;\n"
    required = schema.get("required", ())
    fields = "".join(
        _comment(field.get("description"), "  ")
        + f"  {field_name}{'' if field_name in required else '?'}: {_type(field)};\n"
        for field_name, field in schema["properties"].items()
    )
    return f"{said}export interface {name} {{\n{fields}}}\n"


def _comment(said: str | None, indent: str = "") -> str:
    return f"{indent}/** {said} */\n" if said else ""


_PLAIN: Final = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def _type(schema: dict[str, Any] | str) -> str:
    """Return a schema as TypeScript. Only the type is kept: TypeScript cannot express the rest."""
    if isinstance(schema, str):
        return f'"{schema}"'
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "const" in schema:
        const = schema["const"]
        return f'"{const}"' if isinstance(const, str) else str(const)
    if "anyOf" in schema:
        return " | ".join(_type(member) for member in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(_type(member) for member in schema["enum"])
    if "type" not in schema:
        return "JsonValue"
    if schema["type"] == "array":
        inner = _type(schema["items"])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if schema["type"] == "object":  # every object with fields has a name
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values)}>" if isinstance(values, dict) else "JsonObject"
    return _PLAIN[schema["type"]]
