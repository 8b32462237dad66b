"""The parts of the soak: load and faults drawn from a seed, and the page that it prints at its end."""
