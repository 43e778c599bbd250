"""What tabs say to each other: that there is something to look at, and why. Never a token."""

import json
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

Kind = Literal["LOOK", "END", "OUT"]

LOOK: Final = "LOOK"
"""The record has changed."""
END: Final = "END"
"""That generation is about to end, otherwise than by a sign-out."""
OUT: Final = "OUT"
"""The user has signed out: whatever session there is, it is over."""


class Word(BaseModel):
    """A word about the session of one host origin."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    kind: Kind
    origin: str
    generation: str = ""


def word(kind: Kind, origin: str, generation: str) -> str:
    """Return a word as text."""
    return json.dumps({"kind": kind, "origin": origin, "generation": generation})


def read_word(text: str) -> Word | None:
    """Return the word in a text, or None if there is none that this version knows."""
    try:
        return Word.model_validate_json(text)
    except ValidationError:
        return None
