"""Celery's settings, each with its reason. Retries, ETAs and results are not Celery's here."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.schedules import schedule
from kombu import Exchange, Queue

from jobs import wire

# The anonymous exchange routes by queue name without asking Redis. A named one keeps its bindings
# in Redis, and a FLUSHALL would silently swallow every message after it.
_DIRECT = Exchange("", type="direct")

# Beat reckons in moments: on the machine's clock, once that is set back by an hour, it would ask for
# nothing until the hour has passed again.
_BEGAN = datetime.now(UTC) - timedelta(seconds=time.monotonic())

UPKEEP_TASKS = (
    *(wire.TOP_UP, wire.SWEEP, wire.POLL, wire.RECONCILE, wire.PROBE_CREDITS),
    wire.TEND_BATCHES,
    wire.PURGE,
)


def celery_settings(redis_url: str, pool: str) -> dict[str, Any]:
    """For workers, beat and Flower alike; `pool` is whose tickets the workers serve."""
    queues = [wire.ticket_queue(pool), wire.UPKEEP_QUEUE]
    return {
        "broker_url": redis_url,
        "broker_use_ssl": wire.broker_tls(redis_url),
        "broker_transport_options": dict(wire.BROKER_OPTIONS),
        # Redis may be away for any time; the worker comes back by itself.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # Status and results are in SQL; Flower shows a task's result from its event.
        "task_ignore_result": True,
        "result_backend": None,
        "task_serializer": "json",
        "accept_content": ["json"],
        "event_serializer": "json",
        "task_queues": [Queue(name, _DIRECT, name, no_ack=True) for name in queues],
        "worker_consumer": "worker.consumer:TicketConsumer",
        "task_routes": {
            wire.GENERATE: {"queue": wire.ticket_queue(pool)},
            **{name: {"queue": wire.UPKEEP_QUEUE} for name in UPKEEP_TASKS},
        },
        "task_default_queue": wire.UPKEEP_QUEUE,
        "task_default_exchange": "",
        "task_default_routing_key": wire.UPKEEP_QUEUE,
        "task_create_missing_queues": False,
        # Nobody notes who has a ticket (worker/consumer.py), and none is fetched before a slot is
        # free: a busy worker hoards nothing, a dead one leaves nothing to be delivered again. A
        # ticket that is lost with its worker is topped up from SQL.
        "task_acks_late": False,
        "worker_disable_prefetch": True,
        "worker_prefetch_multiplier": 1,
        # For Flower.
        "worker_send_task_events": True,
        "task_send_sent_event": False,
        # Our logging is our own; Celery would replace the root logger's handlers.
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        # A call's end is bounded by its own deadline, so a stop waits for what is in flight.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
    }


def beat_schedule(probe_seconds: float) -> dict[str, Any]:
    """How often beat asks for each task of upkeep."""
    seconds = {
        wire.TOP_UP: 1.0,
        wire.POLL: 1.0,
        wire.TEND_BATCHES: 1.0,
        wire.RECONCILE: 2.0,
        wire.SWEEP: 5.0,
        wire.PURGE: 10.0,
        wire.PROBE_CREDITS: probe_seconds,
    }
    return {
        name: {
            "task": name,
            "schedule": schedule(timedelta(seconds=seconds[name]), nowfun=_steady_now),
            # While upkeep is away its ticks must not pile up. Far longer than a turn, since the
            # moment is absolute and two hosts' clocks may differ.
            "options": {"expires": 60},
        }
        for name in UPKEEP_TASKS
    }


def _steady_now() -> datetime:
    return _BEGAN + timedelta(seconds=time.monotonic())
