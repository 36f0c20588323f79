"""The commands of `drtranscribe`."""
