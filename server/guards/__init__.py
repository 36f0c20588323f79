"""What is refused before anything is built from it: messages that are too large, foreign host names, foreign pages."""
