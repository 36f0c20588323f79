"""What one GPU does."""
