"""What the transport alone costs."""
