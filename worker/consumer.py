"""Celery's consumer, less what a ticket does not need.

About half of what a message costs a worker are trips to Redis that note who has it and forget it
again, and a third are its three events for Flower, each published alone. A ticket that is lost is
made good from SQL, so nobody needs to know who had it; and events may be told together.
"""

from functools import partial
from typing import Any

from celery import bootsteps
from celery.worker.consumer import Consumer, Tasks

EVENTS_EVERY = 0.25
"""Seconds by which Flower may be behind."""
_LONGEST_WAIT = 2.0
"""Seconds between two tries to reach a Redis that is away."""
_MOST_EVENTS = 500
"""Events in one message; Celery's own bound makes it one message for eight tickets."""


class TicketConsumer(Consumer):
    """Publishes a worker's events of a quarter of a second in one message."""

    def register_with_event_loop(self, hub: Any) -> None:
        super().register_with_event_loop(hub)
        hub.call_repeatedly(EVENTS_EVERY, self._tell_events)

    def ensure_connected(self, conn: Any) -> Any:
        """Celery's own waits between two tries grow by 2 s each: a Redis that was away for a minute
        would be back for a quarter of one before anybody noticed.
        """
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=0.5,
            interval_step=0.5,
            interval_max=_LONGEST_WAIT,
        )
        return super().ensure_connected(conn)

    def _tell_events(self) -> None:
        dispatcher = getattr(
            self, "event_dispatcher", None
        )  # none while the connection is being made anew
        if dispatcher:
            dispatcher.flush()

    def on_send_event_buffered(self) -> None:  # type: ignore[override]  # as Celery has it
        """Celery would publish at the loop's next turn, which is to say each event alone."""


class Less(bootsteps.StartStopStep):
    """Has the channel note nothing of messages that are handed out, and events wait for company.

    The queues say so too (`no_ack`); but Celery acknowledges all the same, and kombu's channel for
    Redis would look each one up and keep its tag.
    """

    requires = (Tasks,)

    def start(self, c: Any) -> None:
        c.task_consumer.channel.qos.ack = _not_needed
        c.event_dispatcher.buffer_limit = _MOST_EVENTS


def _not_needed(_delivery_tag: str) -> None:
    pass
