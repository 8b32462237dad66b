"""What an `httpx.Client` needs that is used by many threads at once."""

import httpx

# With more connections open than it would keep, httpcore 1.0 closes idle ones, among them one that
# it has just given to another thread, whose read then fails with "Bad file descriptor".
FOR_THREADS = httpx.Limits(max_keepalive_connections=None)
