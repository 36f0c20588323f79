"""The clinical vocabulary, how its words sound, and how they are misheard."""
