"""What the benchmarks start: loopback, free ports, temporary folders, ended by their own id."""
