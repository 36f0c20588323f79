"""Finding and verifying the weights of Whisper."""
