"""When a call starts, by what is known of a pool at one moment; or why nobody can know."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from api_gateway.waiting import Waiting
from db.account_pace import AccountPace
from jobs.catalog import MODELS, Transport
from jobs.departures import Flow, Slots, leaves_in, pace, per_second
from jobs.forecast import Before, Counted, Member
from jobs.money import Money
from jobs.states import WaitingFor

STOPS = frozenset({WaitingFor.PAUSED, WaitingFor.CREDITS, WaitingFor.BUDGET})
"""What keeps all of a job's like from starting, for as long as it lasts."""
_POLLED_SECONDS = 1.0
"""How long a call over v2 holds a slot: then others poll it."""
_USUAL_SECONDS = 6.0
"""Of a call, where nothing waits whose model could be looked at."""

_OF_COUNTED = {
    Counted.ALL: None,
    Counted.SHARES: "Others have more queued than is counted: it starts then at the latest, if "
    "nobody else comes.",
    Counted.SOME: "More jobs go before it than are counted: it starts then at the earliest.",
}
_TOO_DEAR = (
    "When it starts is not known: the balance at Segmind does not cover it and what goes before it."
)
_NO_WORKER = "When it starts is not known: no worker has said that it serves."
_NO_REDIS = "When it starts is not known: Redis does not answer, and no call leaves until it does."


@dataclass(frozen=True)
class Outlook:
    """`starts_at` None: nobody can know. `note`: how sure it is, or why nobody can."""

    starts_at: datetime | None
    note: str | None = None


@dataclass(frozen=True)
class PoolView:
    """A pool as it was `at` a moment. `tenants` with queued work, by their ids in hex; `models` of
    their next jobs; `slots` of all workers: None where Redis does not answer.
    """

    at: datetime
    accounts: tuple[AccountPace, ...]
    tenants: Mapping[str, Member]
    models: tuple[str, ...]
    slots: int | None

    def outlook(self, before: Before, price: Money, model: str, waiting: Waiting) -> Outlook:
        """Of a job of the model that costs `price`; `waiting`: what such a job waits for now."""
        flows = self.flows(model)
        if not flows or (waiting.reason in STOPS and waiting.until is None):
            return Outlook(None)  # what it waits for says why
        slots = self._slots()
        if slots is None:
            return Outlook(None, _NO_REDIS if self.slots is None else _NO_WORKER)
        left = self.left(model)
        if left is not None and before.cost + price > left:
            return Outlook(None, _TOO_DEAR)
        at = self.at + timedelta(seconds=leaves_in(before.calls + 1, flows, slots))
        return Outlook(max(at, waiting.until or at), _OF_COUNTED[before.counted])

    def flows(self, model: str) -> list[Flow]:
        """The accounts that call the model now, or after a pause whose end is known."""
        return [
            Flow(
                per_second(one.limit, one.account.window_seconds),
                one.at_once,
                (one.opens - self.at).total_seconds(),
            )
            for one in self.accounts
            if one.opens is not None and model not in one.paused_models
        ]

    def calls_per_minute(self, model: str) -> float:
        """The pace when these accounts are open; 0 where no call leaves."""
        flows, slots = self.flows(model), self._slots()
        return 60 * pace(flows, slots) if flows and slots else 0.0

    def left(self, model: str) -> Money | None:
        """What may be spent still by those accounts; None where one's balance is not known."""
        left = [
            one.left
            for one in self.accounts
            if one.opens is not None and model not in one.paused_models
        ]
        known = [one for one in left if one is not None]
        return Money(sum(known)) if known and len(known) == len(left) else None

    def _slots(self) -> Slots | None:
        if not self.slots:
            return None
        busy = sum(one.in_slots for one in self.accounts)
        held = [_slot_seconds(model) for model in self.models] or [_USUAL_SECONDS]
        return Slots(self.slots, max(0, self.slots - busy), sum(held) / len(held))


def _slot_seconds(slug: str) -> float:
    model = MODELS.get(slug)
    if model is None:
        return _USUAL_SECONDS
    return _POLLED_SECONDS if model.transport is Transport.V2 else model.typical_seconds
