"""The benchmarks, and where their results go."""

from pathlib import Path

# Each is a module here with `add_arguments(parser)` and `measure(options, report)`.
BENCHMARKS = {
    "drain": "jobs a second of one worker process at zero upstream latency, beside plain Celery",
    "slots": "3,000 calls of 6 s over 1,000 slots: time and memory, beside plain Celery",
    "gateway": "submits, reads and 304s a second of one gateway, beside FastAPI with ORM sessions",
    "claims": "claim latency with 1,000 and 1,000,000 queued, some of them held, and after churn",
    "sqlite": "four worker processes on one SQLite file, with the gateway in use",
    "start-latency": "from accepted to the call's arrival, idle, beside plain Celery",
    "batch": "lines into a batch and results out of it, beside COPY and Celery; a look at a million",
    "simulated": "a short scenario simulated, and on the real system with the sandbox",
    "allowance": "use of an allowed rate, 429s and fairness, beside Celery's means and a token bucket",
    "polls": "CPU of 1,000 v2 requests under way, beside asking about each every second",
}
RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
