"""Drug names that the recogniser broke into other words."""
