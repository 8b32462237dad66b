"""The client itself: one method for each thing the gateway does."""

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from segq_client.errors import SegqError, StillWaitingError, Unreachable, problem_from
from segq_client.estimate import Estimate, estimate_from
from segq_client.image_type import image_type
from segq_client.job import Job, Output, job_from
from segq_client.saving import save_stream

# The gateway answers a waiting read after 60 s at the latest.
_LONGEST_READ = 60.0
_SLACK = 15.0
_CONNECT = 5.0
# How often a POST is sent at most.
_TRIES = 3
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Client:
    """Talks to one gateway with one API key. Use it as a context manager, or `close` it.

    Every method raises `ProblemError` when the gateway refuses and `Unreachable` when no whole
    answer comes. `wait` asks again meanwhile. `upload`, `submit`, `cancel`, `retry` and
    `resolve` are sent up to three times, under one Idempotency-Key, so that what they ask for is
    done once. The rest is sent once.
    """

    def __init__(self, url: str, key: str, *, timeout: float = _SLACK) -> None:
        """`timeout` is in seconds: to connect (at most 5), and for each piece of an answer."""
        self._url = url.rstrip("/") + "/"
        self._authorization = {"Authorization": f"Bearer {key}"}
        self._patience = timeout
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT)),
            # A company's proxy cannot reach this machine's loopback.
            trust_env=urlsplit(url).hostname not in _LOOPBACK,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def upload(self, image: str | Path | bytes, *, idempotency_key: str | None = None) -> str:
        """Store an image file (or its bytes); the reference returned is usable as `image`.

        `idempotency_key` is as in `submit`.
        """
        content = image if isinstance(image, bytes) else Path(image).read_bytes()
        answer = self._post(
            "api/v1/inputs",
            idempotency_key,
            content=content,
            headers={"Content-Type": image_type(content)},
        )
        return str(answer["reference"])

    def submit(
        self,
        model: str,
        input: Mapping[str, Any],  # noqa: A002 (the API's own word)
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Job:
        """Queue a job. `fields` are the job's other members: priority, group, tags, run_at, on_doubt,
        doubt_deadline, ...

        For 24 hours the same submit with the same `idempotency_key` (1 to 255 printable ASCII
        characters) gives the same job and queues no other; another one with it is refused. Without
        one, each submit has a key of its own. After `Unreachable`, a 503 and a 409 (the request is
        still under way) the job may or may not have been accepted: only with a key of yours is it
        safe to submit it again.
        """
        body = {"model": model, "input": input, **fields}
        return _job(self._post("api/v1/jobs", idempotency_key, json=body))

    def estimate(
        self,
        model: str,
        input: Mapping[str, Any],  # noqa: A002 (the API's own word)
        *,
        count: int = 1,
        **fields: Any,
    ) -> Estimate:
        """What `count` such jobs would cost and when they would run. Nothing is kept.

        `input` and `fields` are as in `submit`, and refused alike.
        """
        job = {"model": model, "input": input, **fields}
        return self._estimate({"job": job, "count": count})

    def estimate_all(self, jobs: Iterable[Mapping[str, Any]]) -> Estimate:
        """The same of up to 1,000 jobs that differ, each as the API takes it: model, input, ..."""
        return self._estimate({"jobs": list(jobs)})

    def _estimate(self, body: Mapping[str, Any]) -> Estimate:
        answer = self._ask("POST", "api/v1/estimate", json=body)
        try:
            return estimate_from(answer)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise SegqError(f"the answer is not an estimate: {error!r}") from error

    def get(self, job_id: str, wait: float = 0, *, attempts: bool = False) -> Job:
        """Read a job. With `wait` (seconds, up to 60) the answer comes when it is final, or then.

        With `attempts` its `raw["attempt_history"]` holds each call that was made for it.
        """
        seconds = max(0, int(min(wait, _LONGEST_READ)))
        asked = {"wait": seconds or None, "include": "attempts" if attempts else None}
        return _job(
            self._ask(
                "GET",
                f"api/v1/jobs/{job_id}",
                params={name: value for name, value in asked.items() if value is not None},
                timeout=httpx.Timeout(
                    seconds + self._patience, connect=min(self._patience, _CONNECT)
                ),
            )
        )

    def jobs(self, **wanted: Any) -> Iterator[Job]:
        """Every job that fits, newest first, a page at a time as they are taken.

        `wanted` are the list's filters: state and tag (one or a list), model, group, created_after
        and created_before (RFC 3339 with a zone); and `limit`, the length of a page.
        """
        query: dict[str, Any] = wanted
        while True:
            page = self._ask("GET", "api/v1/jobs", params=query)
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise SegqError("the answer is not a list of jobs")
            yield from map(_job, page["items"])
            if page.get("next_cursor") is None:
                return
            query = {**wanted, "cursor": page["next_cursor"]}

    def account(self) -> dict[str, Any]:
        """The upstream accounts (balance, pauses, calls under way), and own jobs by state."""
        return dict(self._ask("GET", "api/v1/account"))

    def wait(self, job_id: str, timeout: float) -> Job:
        """Wait until a job is final or in doubt, at most `timeout` seconds.

        A gateway that is away for a while (a restart), or whose database is (503), is asked again.
        Raises `StillWaitingError` when the time is up, or the `Unreachable` or `ProblemError` of
        the last try when the job could not be read at the end.
        """
        ends_at = time.monotonic() + timeout
        while True:
            left = ends_at - time.monotonic()
            try:
                job = self.get(job_id, wait=max(0.0, left))
            except SegqError as error:
                if error.repeat_after is None or left <= 0:
                    raise
                time.sleep(min(error.repeat_after, left))
                continue
            if job.is_settled:
                return job
            if left <= 0:
                raise StillWaitingError(f"job {job_id} is still {job.state} after {timeout:g} s")
            if left < 1:
                time.sleep(min(left, 0.1))  # the gateway waits in whole seconds

    def cancel(self, job_id: str, *, image: str | None = None) -> Job:
        """Cancel a job that has not ended; the answer says what became of it.

        A waiting one ends at once. The call of a running one is let finish and paid; one in doubt
        keeps the wish. `image` says what becomes of the image of such a call: `keep`, which is so
        unless something is said, or `drop`. `raw["note"]` says what that means for the money.
        """
        body = None if image is None else {"image": image}
        return _job(self._post(f"api/v1/jobs/{job_id}/cancel", json=body))

    def resolve(
        self,
        job_id: str,
        as_: str,
        note: str,
        *,
        request_id: str | None = None,
        output: str | None = None,
    ) -> Job:
        """End the doubt of a job by hand, as `retry`, `failed` or `succeeded`; `note` says why.

        As `succeeded` takes the reference of an uploaded image (`output`), Segmind's `request_id`,
        or both; with the id alone the job stays in doubt until its result has been fetched.
        """
        given = {"as": as_, "note": note, "request_id": request_id, "output": output}
        body = {name: value for name, value in given.items() if value is not None}
        return _job(self._post(f"api/v1/jobs/{job_id}/resolve", json=body))

    def retry(self, job_id: str) -> Job:
        """Put a job that failed, expired or was canceled back into the queue; a scheduled one runs now.

        It keeps its id, input and the cost so far, and has at least one attempt more.
        """
        return _job(self._post(f"api/v1/jobs/{job_id}/retry"))

    def change(self, job_id: str, **fields: Any) -> Job:
        """Change a job that is scheduled or queued: priority, group, tags, start_by, finish_by; and
        on_doubt and doubt_deadline, also of one in doubt.

        None sets a member back. Refused with 409 once the job's call is being made. Sent once: after
        `Unreachable`, read the job.
        """
        return _job(self._ask("PATCH", f"api/v1/jobs/{job_id}", json=fields))

    def models(self) -> list[dict[str, Any]]:
        """All models: slug, price ({amount, currency, per, times}), typical_seconds, input_schema, ..."""
        answer = self._ask("GET", "api/v1/models")
        try:
            return [dict(model) for model in answer["models"]]
        except (KeyError, TypeError, ValueError) as error:
            raise SegqError(f"the answer is not a list of models: {error!r}") from error

    def model(self, slug: str) -> dict[str, Any]:
        """One model."""
        return dict(self._ask("GET", f"api/v1/models/{slug}"))

    def save(self, output: Output, path: str | Path) -> Path:
        """Download an output to `path`: in one step, and only when its hash is the stated one.

        Raises `SegqError` when what came is not what the job made.
        """
        url = urljoin(self._url, output.url)
        # An output may lie on a storage host, which must not learn the key.
        ours = urlsplit(url)[:2] == urlsplit(self._url)[:2]
        target = Path(path)
        try:
            headers = self._authorization if ours else {}
            with self._http.stream("GET", url, headers=headers) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise _refusal(response)
                save_stream(response.iter_bytes(), target, output.sha256)
        except httpx.HTTPError as error:
            raise Unreachable(f"{url}: {str(error) or type(error).__name__}") from error
        return target

    def _post(
        self,
        path: str,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Any:
        """A POST whose answer may get lost: sent again under the same key, it is done once."""
        key = uuid.uuid4().hex if idempotency_key is None else idempotency_key
        options["headers"] = {**(headers or {}), "Idempotency-Key": key}
        for _ in range(_TRIES - 1):
            try:
                return self._ask("POST", path, **options)
            except SegqError as error:
                if error.repeat_after is None:
                    raise
                time.sleep(error.repeat_after)
        return self._ask("POST", path, **options)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {**self._authorization, **options.pop("headers", {})}
        try:
            response = self._http.request(method, self._url + path, headers=headers, **options)
        except httpx.HTTPError as error:
            raise Unreachable(f"{self._url}: {str(error) or type(error).__name__}") from error
        if not response.is_success:
            raise _refusal(response)
        try:
            return response.json()
        except ValueError as error:
            raise SegqError(f"{method} {path}: the answer is not JSON") from error


def _job(body: Any) -> Job:
    try:
        return job_from(body)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise SegqError(f"the answer is not a job: {error!r}") from error


def _refusal(response: httpx.Response) -> SegqError:
    try:
        body = response.json()
    except ValueError:
        body = None
    retry_after = response.headers.get("Retry-After")
    return problem_from(response.status_code, body, response.text, retry_after)
