"""Attacks on a server over loopback, and what a good session notices of them: `python -m benchmarks.attack`."""
