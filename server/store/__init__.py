"""Sessions that outlive their gateway: their events and checkpoints in Redis, and never their audio."""
