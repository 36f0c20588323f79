"""Who sent a request, and what that one may do. Pure."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from server.audit.actors import ANONYMOUS

Scope = Literal["speak", "read", "metrics", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """Limits of one key that differ from those of the settings; None means that the setting applies."""

    sessions: int | None = None
    connections_per_minute: int | None = None
    bytes_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a key, a user whom a trusted proxy has signed in, or anybody on a server without keys.

    `name` is what audits and records show. `owner` is what sessions belong to: "key:NAME" or "user:NAME", so that a
    user is not taken for a key of the same name. It is None without keys, where every session is everybody's.
    """

    name: str
    scopes: frozenset[Scope]
    owner: str | None = None
    key_id: str | None = None
    """The identifier of the key in the keys file; it is no secret. None for users of a proxy."""
    limits: KeyLimits = field(default_factory=KeyLimits)

    @property
    def person(self) -> str | None:
        """The name to put beside a consent or a confirmation; None where nobody had to say who they are."""
        return self.name if self.owner is not None else None

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    def owns(self, owner: str | None) -> bool:
        """Whether a session of that owner may be resumed, read and erased by this principal."""
        return self.owner == owner or "admin" in self.scopes


ANYBODY = Principal(ANONYMOUS, frozenset(SCOPES))
"""Every client of a server without keys."""


def user(name: str) -> Principal:
    """A user whom the hospital's own sign-on has admitted; a trusted proxy tells the name."""
    return Principal(name, frozenset({"speak", "read"}), f"user:{name}")
