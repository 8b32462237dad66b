"""What begins with files or parameters: they are uploaded, then comes the request, then the wait."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from segq_client import calls
from segq_client.errors import ending_of
from segq_client.estimate import Estimate
from segq_client.flow import Flow
from segq_client.job import Job
from segq_client.problems import InvalidFieldsError
from segq_client.retrying import Retrying
from segq_client.uploads import Uploads, contents_in, loaded
from segq_client.waiting import Watch


@dataclass(frozen=True)
class Wanted:
    """A job to be submitted. `fields` are its members beside model and input."""

    model: str
    input: Mapping[str, Any]
    fields: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None

    def body(self, placed: Mapping[str, Any]) -> dict[str, Any]:
        """As the API takes it; `placed`: the input with references in the place of files."""
        return {"model": self.model, "input": placed, **self.fields}


class Submitting:
    """Those flows. One for each client: what it has uploaded it need not upload again."""

    def __init__(self, retrying: Retrying, uploads: Uploads) -> None:
        self._retrying = retrying
        self._uploads = uploads

    def submitted(self, wanted: Wanted) -> Flow[Job]:
        """The job as it was accepted."""
        parameters = yield from loaded(wanted.input)
        before = self._uploads.sent_before(parameters)
        try:
            return (yield from self._sent(wanted, parameters))
        except InvalidFieldsError as error:
            # An image that was sent long ago may be gone. A refused request leaves its key free.
            if not before or not _blames_a_file(error, parameters):
                raise
        for content in before:
            self._uploads.forget(content)
        return (yield from self._sent(wanted, parameters))

    def run(self, wanted: Wanted, timeout: float | None) -> Flow[Job]:
        """The job once it has succeeded; raises `JobEndedError` where it ends otherwise."""
        job = yield from self.submitted(wanted)
        if not job.is_settled:
            job = yield from Watch(job.id, timeout, self._retrying).settled()
        if job.state != "succeeded":
            raise ending_of(job)
        return job

    def estimated(self, wanted: Wanted, count: int) -> Flow[Estimate]:
        """What `count` such jobs would cost, and when they would run."""
        parameters = yield from loaded(wanted.input)
        placed = yield from self._uploads.placed(parameters)
        request = calls.estimate({"job": wanted.body(placed), "count": count})
        return (yield from self._retrying.answered(request))

    def resolved(self, job_id: str, decision: Mapping[str, Any]) -> Flow[Job]:
        """The job when its doubt has ended by hand; an image may be a file."""
        placed = yield from self._uploads.placed((yield from loaded(decision)))
        return (yield from self._retrying.answered(calls.resolve(job_id, placed)))

    def _sent(self, wanted: Wanted, parameters: Mapping[str, Any]) -> Flow[Job]:
        placed = yield from self._uploads.placed(parameters)
        request = calls.submit(wanted.body(placed), wanted.key)
        return (yield from self._retrying.answered(request))


def _blames_a_file(error: InvalidFieldsError, parameters: Mapping[str, Any]) -> bool:
    places = tuple(f"input.{name}" for name, value in parameters.items() if contents_in(value))
    return any(wrong.field.startswith(places) for wrong in error.errors)
