"""What a client sends as audio: read, put in order, timed."""
