"""Durations of the fault tests: the true ones, scaled down, so that a lease runs out in seconds."""

SHORT = {
    "SEGMIND_TIMEOUT": "2",
    "SEGQ_LEASE_GRACE": "1",  # with the 5 s of the guard before a send: a lease of 6 s
    "SEGQ_PROBE_SECONDS": "0.3",
    "SEGMIND_RPM": "6000",
    "SEGQ_SLOTS": "8",
    "SEGQ_BREAKER_SECONDS": "0.5",
}
"""To be laid under a scenario's own settings."""
LEASE = 6.0
FAST = {"median": 0.1, "sigma": 0.1}
"""The provider's latency where a scenario does not need calls to last."""
