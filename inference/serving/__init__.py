"""The engines of one process, started, measured and shared by its sessions."""
