"""`POST /v1/audio/transcriptions` in the shape of OpenAI's API, on the server's own engine."""
