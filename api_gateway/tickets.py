"""Puts tickets on the pools' Celery queues, off the request's path.

A ticket says "a job waits in this pool" and names none, so one is as good as another: they are
counted, not queued. One that is lost costs nothing but a moment, since upkeep tops up from SQL.
"""

import threading
from typing import Any
from uuid import uuid4

import structlog

from jobs.wire import BROKER_OPTIONS, GENERATE, TICKET_CAP, broker_tls, ticket_queue

log = structlog.get_logger()

_BACKOFF_SECONDS = 0.5
_STOP_SECONDS = 2.0
_BATCH = 500


class Tickets:
    """One thread that publishes: at once when it is idle, many in one trip when it is not."""

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._wanted: dict[str, int] = {}
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tickets", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Publish what is waiting and end; gives up after 2 s."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(_STOP_SECONDS)

    def add(self, pool: str, count: int = 1) -> None:
        """So many more tickets. Returns at once, whatever Redis does; any thread may call it."""
        with self._changed:
            self._wanted[pool] = min(self._wanted.get(pool, 0) + count, TICKET_CAP)
            self._changed.notify()

    def _run(self) -> None:
        broker = _Broker(self._broker_url)
        away = False
        while wanted := self._take():
            try:
                for pool, count in wanted.items():
                    broker.publish(pool, count)
                away = False
            except Exception as error:  # noqa: BLE001  # without this thread no ticket would leave
                # These tickets are dropped: sent again, they could stand there twice.
                if not away:
                    log.warning("tickets_dropped", error=type(error).__name__)
                away = True
                broker.hang_up()
                self._stopping.wait(_BACKOFF_SECONDS)
        broker.hang_up()

    def _take(self) -> dict[str, int]:
        """What is wanted, waiting for something; nothing only at the end."""
        with self._changed:
            while not self._wanted and not self._stopping.is_set():
                self._changed.wait()
            wanted, self._wanted = self._wanted, {}
            return wanted


class _Broker:
    """Celery as a producer: it knows the task by its name alone."""

    def __init__(self, url: str) -> None:
        # Imported in the thread: it takes a quarter of a second that no request should wait for.
        from celery import Celery  # noqa: PLC0415

        self._app = Celery("segq", broker=url, set_as_current=False)
        self._app.conf.update(
            broker_transport_options=dict(BROKER_OPTIONS),
            broker_use_ssl=broker_tls(url),
            task_serializer="json",
            accept_content=["json"],
            task_ignore_result=True,
            task_send_sent_event=False,
            # Whoever waits in the queue has its own retry: the next turn.
            task_publish_retry=False,
        )
        self._connect()

    def publish(self, pool: str, count: int) -> None:
        """Put up to `count` tickets on the pool's queue, which holds at most `TICKET_CAP`."""
        # Left to itself kombu waits 2 s and more between tries, and never gives up.
        self._connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        queue = ticket_queue(pool)
        room = TICKET_CAP - self._producer.channel.client.llen(queue)
        count = min(count, room)
        if count == 1:  # a batch of one takes twice as long
            self._publish_one(queue, pool)
        elif count > 1:
            with self._producer.batch(_BATCH):
                for _ in range(count):
                    self._publish_one(queue, pool)

    def _publish_one(self, queue: str, pool: str) -> None:
        amqp = self._app.amqp
        message = amqp.as_task_v2(
            str(uuid4()),
            GENERATE,
            kwargs={"pool": pool},
            ignore_result=True,
            origin="api_gateway",
        )
        amqp.send_task_message(self._producer, GENERATE, message, queue=queue, declare=[])

    def hang_up(self) -> None:
        """Close the connection; the next publish makes a new one."""
        self._connection.close()
        self._connect()

    def _connect(self) -> None:
        self._connection = self._app.connection_for_write()
        # Any: the published types of kombu know neither its Redis channel nor its batches.
        self._producer: Any = self._app.amqp.Producer(self._connection, auto_declare=False)
