"""What a segment behind a split hears and says again of the one before it."""
