"""The snapshot's module `_snapshot`: what a restored interpreter does before it is used."""

import logging
import random
import sys
import time
from hashlib import sha256
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Annotated, Literal

from _pyodide import _base
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

MODELS: list[type[BaseModel]] = []
ADAPTERS: list[TypeAdapter[object]] = []

PREPARED: dict[tuple[object, ...], CodeType] = {}
"""The compiled code that the page runs at each start, by `key`."""
LATE: list[str] = []
"""The beginning of each source that was still compiled after the start."""
PACKAGE: dict[str, ModuleSpec] = {}
"""PyScript's package, compiled, by module name."""


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
ACCEPTED = [
    (b'{"side":"left","text":"abc"}', Left, {"side": "left", "text": "abc"}),
    (b'{"side":"right","number":9,"ratio":0.25}', Right, {"side": "right", "number": 9, "ratio": 0.25}),
]
REFUSED = [b'{"side":"left","text":"abcde"}', b'{"side":"right","number":"9"}', b'{"side":"up"}', b"[", b"[" * 300]


_parse_and_compile = _base._parse_and_compile_gen


def key(source: str, options: dict[str, object]) -> tuple[object, ...]:
    """What a source is found by: its hash, because the sources themselves have 66 KB."""
    return sha256(source.encode()).digest(), *sorted(options.items())


def parse_and_compile(source: str, **options: object):  # type: ignore[no-untyped-def]
    """What Pyodide runs a source by: it yields the syntax tree and returns the code. Here, of what is prepared, no tree."""
    code = PREPARED.get(key(source, options))
    if code is None:
        LATE.append(source[:80])
        return (yield from _parse_and_compile(source, **options))
    yield None
    return code


class Loader:
    """Loads a module from code that was compiled when the snapshot was made."""

    def __init__(self, code: CodeType) -> None:
        self.code = code

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Run it."""
        exec(self.code, module.__dict__)


class Finder:
    """Finds PyScript's package without reading it from the file system, where PyScript writes it each time."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Find a module (importlib, `MetaPathFinder`)."""
        return PACKAGE.get(name)


def wake() -> str:
    """Correct what is stale (random state, clocks, paths), then test the models. Returns "ok" or the problem."""
    random.seed()
    logging._startTime = time.time_ns()
    sys.path_importer_cache.clear()
    for text, model, values in ACCEPTED:
        made = PROBE.validate_json(text)
        if type(made) is not model or vars(made) != values:
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
