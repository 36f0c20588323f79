"""From samples to the output of Whisper's encoder: log-mel, and the encoder in torch."""
