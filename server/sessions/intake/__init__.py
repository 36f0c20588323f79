"""What a client sends: audio, which is read, put in order and timed, and numbered messages."""
