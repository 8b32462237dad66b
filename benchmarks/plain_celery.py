"""The baseline: a plain Celery task that POSTs with requests. No SQL, no limiter, no receipt."""

import os

import requests
from celery import Celery

app = Celery("plain", broker=os.environ.get("BASELINE_REDIS", ""))
app.conf.task_ignore_result = True
session = requests.Session()


@app.task(name="plain.generate")
def generate(url: str, key: str, body: dict[str, object]) -> None:
    session.post(url, json=body, headers={"x-api-key": key}, timeout=60).raise_for_status()
