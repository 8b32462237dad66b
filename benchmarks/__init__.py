"""Speeds, each printed beside a baseline from the same run: `./segq bench`, docs/benchmarks.md."""
