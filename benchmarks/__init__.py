"""Measures the bot's delay and CPU time beside a minimal relay program: `python -m benchmarks`."""
