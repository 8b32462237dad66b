"""Speeds, each printed beside a baseline from the same run. `python -m benchmarks.start_latency`."""
