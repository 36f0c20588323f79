"""Who is named in the audit trail where the server asks nobody who they are."""

ANONYMOUS = "anonymous"
"""Whoever has no name: a client of a server without keys, and who was refused before anybody knew them."""
