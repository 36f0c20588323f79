"""Makes speech to judge by: synthetic voices, the timing of a conversation, a room."""
