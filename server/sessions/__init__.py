"""Sessions, their event logs, and the registry that finds them again."""
