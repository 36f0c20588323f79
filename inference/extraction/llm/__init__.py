"""Findings from a language model behind an OpenAI-compatible server."""
