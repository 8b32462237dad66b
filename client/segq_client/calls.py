"""Every call of the API as a value: what is asked, and what is read of the answer."""

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from segq_client.errors import UnexpectedAnswerError
from segq_client.estimate import Estimate, estimate_from
from segq_client.image_type import image_type
from segq_client.job import Job, Output, job_from
from segq_client.request import (
    IDEMPOTENCY_KEY,
    NOT_MODIFIED,
    Answer,
    Request,
    json_of,
    query_of,
)

T = TypeVar("T")

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Look:
    """What a look at a job has found. `job` None: it is as it was with the etag that was sent."""

    job: Job | None
    etag: str | None


@dataclass(frozen=True)
class Page:
    """A page of jobs. `next_cursor` None: it is the last."""

    jobs: tuple[Job, ...]
    next_cursor: str | None


def read_as(what: str, build: Callable[[Any], T]) -> Callable[[Answer], T]:
    """A reader of JSON; `what` the answer should have been, for the error of one that is not."""

    def read(answer: Answer) -> T:
        try:
            return build(answer.json())
        except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            raise UnexpectedAnswerError(f"the answer is not {what}: {error!r}") from error

    return read


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise TypeError(f"{type(body).__name__} in the place of an object")
    return body


_a_job = read_as("a job", job_from)
_an_object = read_as("an object", _object)


def upload(image: bytes, key: str | None = None) -> Request[str]:
    """Keep an image; answered with its reference."""
    headers = {"Content-Type": image_type(image), **_under(key)}
    read = read_as("a kept image", lambda body: str(body["reference"]))
    return Request("POST", "api/v1/inputs", read, body=image, headers=headers)


def submit(job: Mapping[str, Any], key: str | None = None) -> Request[Job]:
    """Queue a job, as the API takes it: model, input, ..."""
    return post("api/v1/jobs", _a_job, job, key)


def estimate(wanted: Mapping[str, Any]) -> Request[Estimate]:
    """Price and dates; nothing is kept."""
    return post("api/v1/estimate", read_as("an estimate", estimate_from), wanted)


def get(job_id: str, wait: int = 0, *, attempts: bool = False) -> Request[Job]:
    """Read a job; held up to `wait` seconds (whole, up to 60) until it is settled."""
    asked = {"wait": wait or None, "include": "attempts" if attempts else None}
    return Request("GET", _job(job_id), _a_job, query=query_of(asked), held=wait)


def look(job_id: str, wait: int, etag: str | None) -> Request[Look]:
    """The same, and answered without the job where it is as it was with `etag`."""

    def read(answer: Answer) -> Look:
        job = None if answer.status == NOT_MODIFIED else _a_job(answer)
        return Look(job, answer.headers.get("ETag"))

    known = {} if etag is None else {"If-None-Match": etag}
    query = query_of({"wait": wait or None})
    return Request("GET", _job(job_id), read, query=query, headers=known, held=wait)


def page(wanted: Mapping[str, Any], cursor: str | None) -> Request[Page]:
    """Jobs that fit, newest first."""
    query = query_of({**wanted, "cursor": cursor})
    return Request("GET", "api/v1/jobs", read_as("a list of jobs", _page), query=query)


def cancel(job_id: str, image: str | None) -> Request[Job]:
    """End a job; `image`: what becomes of the image of a call under way."""
    return post(f"{_job(job_id)}/cancel", _a_job, None if image is None else {"image": image})


def retry(job_id: str) -> Request[Job]:
    """Queue a job again."""
    return post(f"{_job(job_id)}/retry", _a_job)


def resolve(job_id: str, decision: Mapping[str, Any]) -> Request[Job]:
    """End a doubt by hand."""
    given = {name: value for name, value in decision.items() if value is not None}
    return post(f"{_job(job_id)}/resolve", _a_job, given)


def change(job_id: str, fields: Mapping[str, Any]) -> Request[Job]:
    """Change a job that waits. It takes no key, so it is sent once."""
    return Request("PATCH", _job(job_id), _a_job, body=json_of(fields), headers=_JSON)


def image(output: Output) -> Request[bytes]:
    """Fetch an image; one with another hash than the output's is none."""

    def read(answer: Answer) -> bytes:
        if hashlib.sha256(answer.body).hexdigest() != output.sha256.lower():
            raise UnexpectedAnswerError(
                f"{output.url}: what came is not what the job made (its hash)"
            )
        return answer.body

    return Request("GET", output.url, read)


def models() -> Request[list[dict[str, Any]]]:
    """All models."""
    return Request("GET", "api/v1/models", _list_of("models"))


def model(slug: str) -> Request[dict[str, Any]]:
    """One of them."""
    return Request("GET", f"api/v1/models/{quote(slug, safe='')}", _an_object)


def account() -> Request[dict[str, Any]]:
    """The accounts at Segmind, and own jobs by state."""
    return Request("GET", "api/v1/account", _an_object)


def tenant() -> Request[dict[str, Any]]:
    """Whose key it is."""
    return Request("GET", "api/v1/tenant", _an_object)


def budgets() -> Request[list[dict[str, Any]]]:
    """What may be spent."""
    return Request("GET", "api/v1/budget", _list_of("budgets"))


def pauses() -> Request[list[dict[str, Any]]]:
    """What pauses."""
    return Request("GET", "api/v1/pauses", _list_of("pauses"))


def pause(what: Mapping[str, str], reason: str) -> Request[list[dict[str, Any]]]:
    """Begin a pause."""
    said = {"reason": reason} if reason else {}
    return post("api/v1/pauses", _list_of("pauses"), {**what, **said})


def resume(what: Mapping[str, str]) -> Request[bool]:
    """End a pause."""
    read = read_as("the end of a pause", lambda body: bool(body["resumed"]))
    return post("api/v1/pauses/resume", read, what)


def _job(job_id: str) -> str:
    return f"api/v1/jobs/{quote(job_id, safe='')}"


def post(
    path: str,
    read: Callable[[Answer], T],
    body: Mapping[str, Any] | None = None,
    key: str | None = None,
    query: Mapping[str, Any] | None = None,
) -> Request[T]:
    """A POST under a key, with JSON or without a body."""
    headers = _under(key) if body is None else {**_JSON, **_under(key)}
    content = b"" if body is None else json_of(body)
    return Request("POST", path, read, query=query or {}, body=content, headers=headers)


def _under(key: str | None) -> dict[str, str]:
    """Every POST has a key, so that one whose answer was lost can be sent again and is done once."""
    return {IDEMPOTENCY_KEY: uuid.uuid4().hex if key is None else key}


def _page(body: Mapping[str, Any]) -> Page:
    return Page(tuple(map(job_from, _list(body["items"]))), body["next_cursor"])


def _list_of(name: str) -> Callable[[Answer], list[dict[str, Any]]]:
    return read_as(f"a list of {name}", lambda body: [_object(one) for one in _list(body[name])])


def _list(value: object) -> Sequence[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} in the place of a list")
    return value
