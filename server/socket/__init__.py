"""Connections: what they may take, and what they say."""
