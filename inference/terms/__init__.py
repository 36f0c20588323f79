"""The vocabulary of a session: names that the recogniser does not know, found by how they sound."""
