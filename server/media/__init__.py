"""Compressed audio, decoded in processes of its own: a hostile file or stream costs itself, and never the server."""
