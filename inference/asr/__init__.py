"""From spans of speech to words: Whisper, what guards its answers, and how much of it a host can carry."""
