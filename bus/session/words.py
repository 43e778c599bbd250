"""The broadcasts between tabs: that the record needs a look, and why. They never carry a token."""

import json
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

Kind = Literal["LOOK", "END", "OUT"]

LOOK: Final = "LOOK"
"""The record has changed."""
END: Final = "END"
"""That generation is about to end, other than by a sign-out."""
OUT: Final = "OUT"
"""The user has signed out: any session is over."""


class Word(BaseModel):
    """A broadcast about the session of one host origin."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    kind: Kind
    origin: str
    generation: str = ""


def word(kind: Kind, origin: str, generation: str) -> str:
    """Return a broadcast as text."""
    return json.dumps({"kind": kind, "origin": origin, "generation": generation})


def read_word(text: str) -> Word | None:
    """Return the broadcast in a text, or None if this version does not know it."""
    try:
        return Word.model_validate_json(text)
    except ValidationError:
        return None
