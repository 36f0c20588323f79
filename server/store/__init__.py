"""What lets a session outlive its server: its events and checkpoints are kept in Redis, and its audio never is."""
