"""Many live sessions against one server."""
