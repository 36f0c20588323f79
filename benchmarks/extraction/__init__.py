"""How right findings are."""
