"""What a segment costs at a model server."""
