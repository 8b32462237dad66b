"""The client that blocks: one method for each thing that the gateway does."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from segq_client import calls
from segq_client.batch_stream import BatchStream
from segq_client.batches import Batches
from segq_client.batching import Batching, batch_members
from segq_client.driver import Driver
from segq_client.estimate import Estimate
from segq_client.gateway import gateway_at, named_in
from segq_client.job import Job, Output
from segq_client.paging import Pages
from segq_client.request import Request
from segq_client.result import Result
from segq_client.retrying import Retrying
from segq_client.saving import saved
from segq_client.submitting import Submitting, Wanted
from segq_client.uploads import File, Uploads
from segq_client.waiting import LONGEST_READ, USUAL_PATIENCE, Watch

T = TypeVar("T")


class Client:
    """Talks to one gateway with one API key. Use it as a context manager, or `close` it.

    Threads may share it. Every method raises `ProblemError` when the gateway refuses and
    `Unreachable` when no whole answer comes. Reads, and POSTs under one Idempotency-Key, are sent
    again before that, up to `tries` times; `change` is sent once.
    """

    def __init__(self, url: str, key: str, *, timeout: float = 15.0, tries: int = 3) -> None:
        """`timeout` is in seconds: to connect (at most 5), and for each piece of an answer.

        `tries`: how often what may be repeated is sent, from 1. Raises `SetupError` where `url` or
        `key` cannot be one.
        """
        self._driver = Driver(gateway_at(url, key, timeout))
        self._retrying = Retrying(tries)
        self._uploads = Uploads(self._retrying)
        self._submitting = Submitting(self._retrying, self._uploads)
        self.batches = Batches(self._driver, self._retrying)
        """Those that are there: read, canceled, run again, ..."""

    @classmethod
    def from_env(cls, *, timeout: float = 15.0, tries: int = 3) -> Self:
        """With the URL in SEGQ_URL and the key in SEGQ_API_KEY, or in the file SEGQ_API_KEY_FILE.

        Raises `SetupError` that names what is missing.
        """
        return cls(*named_in(), timeout=timeout, tries=tries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._driver.close()

    def run(
        self,
        model: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = USUAL_PATIENCE,
        idempotency_key: str | None = None,
        fields: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Result:
        """Submit a job with these parameters, wait for it, and give what it made.

        Parameters are named arguments, or stand in the mapping: `run("ssd-canny", image=Path("a.jpg"),
        prompt="…")`. Files among them are uploaded, as in `submit`; `fields` are the job's other
        members. `timeout` is in seconds from the submit on (None: no end), and ends the wait with
        `StillWaitingError`: the job goes on. A job that does not succeed raises `JobEndedError`.
        """
        wanted = Wanted(model, {**(parameters or {}), **more}, fields or {}, idempotency_key)
        job = self._driver.do(self._submitting.run(wanted, timeout))
        return Result(job, self._driver, self._retrying)

    def submit(
        self,
        model: str,
        input: Mapping[str, Any],  # noqa: A002 (the API's own word)
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Job:
        """Queue a job. `fields` are the job's other members: priority, group, tags, metadata, run_at,
        on_doubt, doubt_deadline, ...; a `datetime` with a zone is good for a time.

        A Path, bytes or an open binary file in `input` is uploaded, the same content once a client;
        a string stays what it is. For 24 hours the same submit with the same `idempotency_key` (1 to
        255 printable ASCII characters) gives the same job and queues no other; another one with it
        is refused. Without one, each submit has a key of its own. After `Unreachable`, a 503 and a
        409 (the request is still under way) the job may or may not have been accepted: only with a
        key of yours is it safe to submit it again.
        """
        wanted = Wanted(model, input, fields, idempotency_key)
        return self._driver.do(self._submitting.submitted(wanted))

    def upload(self, image: str | File, *, idempotency_key: str | None = None) -> str:
        """Store an image: a file's path, its bytes or an open binary file, up to 20 MB.

        The reference returned is usable as `image`. `idempotency_key` is as in `submit`. Unlike a
        file among parameters, it is sent each time.
        """
        return self._driver.do(self._uploads.upload(image, idempotency_key))

    def estimate(
        self,
        model: str,
        input: Mapping[str, Any],  # noqa: A002 (the API's own word)
        *,
        count: int = 1,
        **fields: Any,
    ) -> Estimate:
        """What `count` (up to 10,000,000) such jobs would cost and when they would run.

        `input` and `fields` are as in `submit`, and refused alike; files are uploaded, no job is kept.
        """
        return self._driver.do(self._submitting.estimated(Wanted(model, input, fields), count))

    def estimate_all(self, jobs: Iterable[Mapping[str, Any]]) -> Estimate:
        """The same of up to 1,000 jobs that differ, each as the API takes it: model, input, ...; or
        `{"job": …, "count": …}`.
        """
        return self._ask(calls.estimate({"jobs": list(jobs)}))

    def get(self, job_id: str, wait: float = 0, *, attempts: bool = False) -> Job:
        """Read a job. With `wait` (seconds, up to 60) the answer comes when it is settled, or then.

        With `attempts` its `raw["attempt_history"]` holds each call that was made for it.
        """
        seconds = max(0, int(min(wait, LONGEST_READ)))
        return self._ask(calls.get(job_id, seconds, attempts=attempts))

    def wait(self, job_id: str, timeout: float | None = USUAL_PATIENCE) -> Job:
        """Wait until a job is final or in doubt, at most `timeout` seconds (None: no end).

        A gateway that is away for a while (a restart), or whose database is (503), is asked again.
        Raises `StillWaitingError` when the time is up, or the `Unreachable` or `ProblemError` of
        the last try when the job could not be read at the end.
        """
        return self._driver.do(Watch(job_id, timeout, self._retrying).settled())

    def stream(
        self, job_id: str, timeout: float | None = USUAL_PATIENCE, *, every: float = 1
    ) -> Iterator[Job]:
        """The job as it is, then at each change, until it is settled; the last one is settled.

        Its end is told at once, any other change within `every` seconds (whole, 1 to 60). `timeout`,
        restarts and errors are as in `wait`.
        """
        watch = Watch(job_id, timeout, self._retrying, every=every, at_once=True)
        while not watch.is_over:
            yield self._driver.do(watch.changed())

    def jobs(self, **wanted: Any) -> Iterator[Job]:
        """Every job that fits, newest first, a page at a time as they are taken.

        `wanted` are the list's filters: state and tag (one or a list), model, group, created_after
        and created_before (a `datetime`, or RFC 3339, with a zone); and `limit`, a page's length (1
        to 200).
        """
        pages = Pages(wanted, self._retrying)
        while not pages.is_over:
            yield from self._driver.do(pages.next_page())

    def cancel(self, job_id: str, *, image: str | None = None) -> Job:
        """Cancel a job that has not ended; the answer says what became of it.

        A waiting one ends at once. The call of a running one is let finish and paid; one in doubt
        keeps the wish. `image` says what becomes of the image of such a call: `keep`, which is so
        unless something is said, or `drop`. `note` says what that means for the money.
        """
        return self._ask(calls.cancel(job_id, image))

    def retry(self, job_id: str) -> Job:
        """Put a job that failed, expired or was canceled back into the queue; a scheduled one runs now.

        It keeps its id, input and the cost so far, and has at least one attempt more.
        """
        return self._ask(calls.retry(job_id))

    def change(self, job_id: str, **fields: Any) -> Job:
        """Change a job that is scheduled or queued: priority, group, tags, start_by, finish_by; and
        on_doubt and doubt_deadline, also of one in doubt.

        None sets a member back. Raises `IllegalMoveError` once the job's call is being made. Sent
        once: after `Unreachable`, read the job.
        """
        return self._ask(calls.change(job_id, fields))

    def resolve(
        self,
        job_id: str,
        as_: str,
        note: str,
        *,
        request_id: str | None = None,
        output: str | File | None = None,
    ) -> Job:
        """End the doubt of a job by hand, as `retry`, `failed` or `succeeded`; `note` says why.

        As `succeeded` takes an image (`output`: a file, or the reference of an uploaded one),
        Segmind's `request_id`, or both; with the id alone the job stays in doubt until its result
        has been fetched.
        """
        decision = {"as": as_, "note": note, "request_id": request_id, "output": output}
        return self._driver.do(self._submitting.resolved(job_id, decision))

    def batch(
        self,
        lines: Iterable[Mapping[str, Any]],
        *,
        model: str | None = None,
        input: Mapping[str, Any] | None = None,  # noqa: A002 (the API's own word)
        idempotency_key: str | None = None,
        batch_id: str | None = None,
        **members: Any,
    ) -> BatchStream:
        """Run many jobs, and tell each as it ends: iterate over what this returns.

        A line is a job, or what of it differs from `model`, `input` and `members`, beside a `custom_id`
        and `vars` for templates; a Path, bytes or an open file in its input is uploaded. Lines are
        taken a thousand at a time, when they are sent. `members`: name, priority, budget,
        stop_after, tags, metadata, ... Under the same `idempotency_key`, with the same arguments, it
        goes on with the same batch (within 24 hours): what was sent before is not sent twice. With
        the `batch_id` of one that was opened before it goes on with that at any time, and nothing
        that would open one is looked at.
        """
        return BatchStream(
            Batching(
                lines,
                batch_members(model, input, members),
                idempotency_key,
                self._retrying,
                self._uploads,
                batch_id=batch_id,
            ),
            self._retrying,
            self._driver,
        )

    def models(self) -> list[dict[str, Any]]:
        """All models: slug, price ({amount, currency, per, times}), typical_seconds, input_schema, ..."""
        return self._ask(calls.models())

    def model(self, slug: str) -> dict[str, Any]:
        """One model."""
        return self._ask(calls.model(slug))

    def account(self) -> dict[str, Any]:
        """The upstream accounts (balance, pauses, calls under way), and own jobs by state."""
        return self._ask(calls.account())

    def tenant(self) -> dict[str, Any]:
        """Whom the key speaks for: name, weight, caps, how many jobs wait and run, what pauses."""
        return self._ask(calls.tenant())

    def budgets(self) -> list[dict[str, Any]]:
        """What may be spent in all, a day and a month: limit, spent, reserved, left, ... in USD."""
        return self._ask(calls.budgets())

    def pauses(self) -> list[dict[str, Any]]:
        """What pauses: your tenant, its groups, and the accounts and models that serve everybody."""
        return self._ask(calls.pauses())

    def pause(self, *, reason: str = "", **what: str) -> list[dict[str, Any]]:
        """Let no call leave of a `group` or your `tenant`, or (scope admin) an `account` or a `model`.

        `what` names one of them. Its jobs wait, submits go on. The answer is what pauses now.
        """
        return self._ask(calls.pause(what, reason))

    def resume(self, **what: str) -> bool:
        """End a pause of `what`, named as in `pause`; whether there was one."""
        return self._ask(calls.resume(what))

    def read(self, output: Output) -> bytes:
        """The bytes of an output, once their hash is the stated one; else `UnexpectedAnswerError`."""
        return self._ask(calls.image(output))

    def save(self, output: Output, path: str | Path) -> Path:
        """Download an output to `path`: in one step, and only when its hash is the stated one.

        Folders that are missing are made. Raises as `read`, and OSError.
        """
        return self._driver.do(saved(output, path, self._retrying))

    def _ask(self, request: Request[T]) -> T:
        return self._driver.do(self._retrying.answered(request))
