"""The words around a mention that decide what it means."""
