"""Numbers, units and doses in text."""
