"""Real servers for tests: loopback, free ports, temporary folders, ended by their own id."""
