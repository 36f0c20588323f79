"""How well speech is heard."""
