"""Batches over HTTP: many jobs that come together, are watched together, and end together."""
