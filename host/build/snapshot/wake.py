"""Lives in the snapshot as module `_snapshot`: what a restored interpreter does before anybody uses it."""

import importlib.machinery
import logging
import random
import sys
import time
from types import CodeType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

MODELS: list[type[BaseModel]] = []
ADAPTERS: list[TypeAdapter[object]] = []
COMPILED: dict[tuple[bytes, str], CodeType] = {}


class Left(BaseModel):
    """One half of the union that the self-test validates with."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")
    side: Literal["left"]
    text: Annotated[str, StringConstraints(min_length=1, max_length=4, pattern="^[a-z]+$")]


class Right(BaseModel):
    """The other half."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")
    side: Literal["right"]
    number: Annotated[int, Field(ge=0, lt=10)]
    ratio: float = 0.5


PROBE: TypeAdapter[Left | Right] = TypeAdapter(Annotated[Left | Right, Field(discriminator="side")])
ACCEPTED = [b'{"side":"left","text":"abc"}', b'{"side":"right","number":9,"ratio":0.25}']
REFUSED = [b'{"side":"left","text":"abcde"}', b'{"side":"right","number":"9"}', b'{"side":"up"}', b"[", b"[" * 300]


_compile = importlib.machinery.SourceFileLoader.source_to_code


def source_to_code(self, data, path, **options):  # type: ignore[no-untyped-def]
    """Compile a module, unless the very same source was compiled for the very same path when the snapshot was made."""
    return COMPILED.get((data, path)) or _compile(self, data, path, **options)


def wake() -> str:
    """Put right what is stale (random state, clocks, paths), then try the models; "ok" or what is wrong."""
    random.seed()
    logging._startTime = time.time_ns()
    sys.path_importer_cache.clear()
    for text in ACCEPTED:
        if PROBE.dump_json(PROBE.validate_json(text), exclude_unset=True) != text:
            return "a valid message changed"
    for text in REFUSED:
        try:
            PROBE.validate_json(text)
        except ValidationError as error:
            if not error.error_count():
                return "an error without a reason"
        else:
            return "an invalid message passed"
    for validator in [*(m.__pydantic_validator__ for m in MODELS), *(a.validator for a in ADAPTERS)]:
        try:
            validator.validate_json(b"\0")
        except ValidationError:
            continue
        return "a model of the bus takes what is not JSON"
    return "ok"
