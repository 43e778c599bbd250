"""The session: kept, refreshed, restored, ended, in all tabs (protocol.md, "The session")."""
