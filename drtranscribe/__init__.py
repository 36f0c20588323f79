"""The Python client of drtranscribe.v1."""
