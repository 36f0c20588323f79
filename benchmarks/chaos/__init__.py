"""Faults of networks, processes, disks and clocks beside real servers: `python -m benchmarks.chaos`."""
