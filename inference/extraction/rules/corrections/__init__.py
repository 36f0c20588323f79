"""What people take back or change."""
