"""The facts that sentences state."""
