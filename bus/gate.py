"""Who may talk to the bus (protocol.md, "The gate", rules 1 and 2)."""

from dataclasses import dataclass

from .ports import Inbound


@dataclass(frozen=True)
class Gate:
    """Checks every message by what the browser reports about it, before its text is read."""

    allowed_origins: frozenset[str]

    def refusal(self, inbound: Inbound) -> str | None:
        """Return why the message gets no reply, or None to let it in."""
        if not inbound.trusted:
            return "made by a script"
        if not inbound.from_parent:
            return "not from the window that embeds the bus"
        if inbound.origin not in self.allowed_origins:
            return "origin not allowed"
        return None
