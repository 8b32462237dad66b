"""The plain Celery task against a provider that refuses: as Celery's own means have it.

`plain.backoff` makes a refused call again, later each time, by chance (`autoretry_for`). Celery's
three tries would lose jobs, so that it tries on for ever. `plain.rated` also has a worker's share
of the limit, which somebody has to know: Celery keeps `rate_limit` for each worker apart.
"""

import os

import requests

from benchmarks.baselines.plain_celery import app, generate

__all__ = ["app"]

_RATE = os.environ.get("PLAIN_RATE") or None


@app.task(
    name="plain.backoff",
    autoretry_for=(requests.HTTPError,),
    retry_backoff=True,
    retry_jitter=True,
    max_retries=None,
)
def backoff(job: int, url: str, key: str, body: dict[str, object]) -> None:
    generate(job, url, key, body)


@app.task(
    name="plain.rated",
    rate_limit=_RATE,
    autoretry_for=(requests.HTTPError,),
    retry_backoff=True,
    retry_jitter=True,
    max_retries=None,
)
def rated(job: int, url: str, key: str, body: dict[str, object]) -> None:
    generate(job, url, key, body)
