"""The HTTP door: jobs and images in, jobs and images out. It knows the worker's tasks by name only."""
