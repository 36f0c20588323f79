"""Scripts that make data files."""
