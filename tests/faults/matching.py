"""Which call of the ledger is which attempt of SQL's."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tests.faults.evidence import Attempt, Call, Evidence


@dataclass(frozen=True)
class Matched:
    """`calls`: each attempt's own call. `strange`: calls whose seed no attempt has left; `unnamed`:
    refusals from before the provider read the body, which say nothing of whose they were.
    """

    calls: Mapping[UUID, Call]
    strange: Sequence[Call]
    unnamed: Sequence[Call]


def matched(evidence: Evidence) -> Matched:
    """By the request id where SQL knows it, else by the seed and the prompt.

    Attempts with all of that equal are interchangeable: their callers gave the same seed.
    """
    by_request = {a.request_id: a for a in evidence.attempts if a.request_id}
    by_inputs: dict[tuple[object, ...], list[Attempt]] = defaultdict(list)
    for attempt in evidence.attempts:
        job = evidence.jobs[attempt.job_id]
        by_inputs[job.model, attempt.seed, job.input.get("prompt")].append(attempt)
    found: dict[UUID, Call] = {}
    strange, unnamed, rest = [], [], []
    for call in evidence.calls:
        known = by_request.get(call.id)
        if known is not None:
            found[known.id] = call
        else:
            rest.append(call)
    for call in rest:
        if call.inputs is None:
            unnamed.append(call)
            continue
        candidates = by_inputs[call.model, call.seed, call.inputs.get("prompt")]
        free = [one for one in candidates if one.id not in found]
        if free:
            found[free[0].id] = call
        else:
            strange.append(call)
    return Matched(found, strange, unnamed)
