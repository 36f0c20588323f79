"""Where the server notes who did what: the calls that an audit trail answers."""

from typing import Protocol


class Audit(Protocol):
    """Notes actions, without a word of what was said."""

    def note(self, action: str, *, actor: str, session: str | None, address: str | None, outcome: str) -> None:
        """`action` is what was tried (such as "record_read"), `outcome` "done" or the code of the refusal."""
        ...


class NoAudit:
    """Keeps no audit trail."""

    def note(self, action: str, *, actor: str, session: str | None, address: str | None, outcome: str) -> None:
        return
