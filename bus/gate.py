"""Who may talk to the bus (protocol.md, "The gate", rules 1 and 2)."""

from dataclasses import dataclass

from .ports import Inbound


@dataclass(frozen=True)
class Gate:
    """Judges every message by what the browser says of it, before its text is read."""

    allowed_origins: frozenset[str]

    def refusal(self, inbound: Inbound) -> str | None:
        """Return why the message is met with silence, or None to let it in."""
        if not inbound.trusted:
            return "made by a script"
        if not inbound.from_parent:
            return "not from the window that embeds the bus"
        if inbound.origin not in self.allowed_origins:
            return "origin not allowed"
        return None
