"""The attacks themselves, by what they abuse; catalogue.py lists them in order."""
