"""The transcription of recordings: the engines of live sessions, with many spans of one recording at a time."""
