"""Findings by vocabulary and grammar, on a CPU."""
