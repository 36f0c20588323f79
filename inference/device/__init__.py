"""What has to be known of a GPU and its driver."""
