"""Tokens, clauses and turns of a conversation."""
