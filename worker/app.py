"""The Celery application: `celery -A worker.app`. Also what beat and Flower load."""

import os

from celery import Celery

from jobs.wire import pool_name
from worker.celery_settings import celery_settings

app = Celery("segq")
app.conf.update(
    celery_settings(os.environ.get("REDIS_URL", ""), pool_name(os.environ.get("SEGQ_POOL")))
)
app.steps["consumer"].add("worker.consumer:Less")
