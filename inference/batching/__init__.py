"""Work of many sessions on one device, in batches."""
