"""What our own share costs, measured beside a floor program in one run: `python -m benchmarks`."""
