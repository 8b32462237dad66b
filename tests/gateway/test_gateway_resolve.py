from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from api_gateway import documents
from tests.gateway import worker_hands
from tests.gateway.conftest import Submit, is_problem
from tests.gateway.gateway_on import gateway_on
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture

NOTE = "the history has no such call"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with gateway_on(request, tmp_path_factory) as found:
        yield found


Resolve = Callable[..., httpx.Response]


@pytest.fixture
def resolve(client: httpx.Client) -> Resolve:
    def one(job_id: str, verdict: str, **members: Any) -> httpx.Response:
        key = members.pop("key", None)
        body = {"as": verdict, "note": NOTE, **members}
        headers = {"Idempotency-Key": key} if key else {}
        return client.post(f"/api/v1/jobs/{job_id}/resolve", json=body, headers=headers)

    return one


@pytest.fixture
def doubted(gateway: Gateway, submit: Submit) -> str:
    """The id of a job in doubt."""
    job: str = submit()["id"]
    worker_hands.doubted(gateway, job)
    return job


def upload(client: httpx.Client, image: bytes) -> str:
    headers = {"Content-Type": "image/jpeg"}
    answer = client.post("/api/v1/inputs", content=image, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["reference"])


def attempt_of(client: httpx.Client, job_id: str) -> dict[str, Any]:
    answer = client.get(f"/api/v1/jobs/{job_id}", params={"include": "attempts"}).json()
    documents.Job.model_validate(answer)
    found: dict[str, Any] = answer["attempt_history"][-1]
    return found


def test_a_job_is_sent_again(client: httpx.Client, resolve: Resolve, doubted: str) -> None:
    response = resolve(doubted, "retry")
    assert response.status_code == 200, response.text
    job = response.json()
    documents.Job.model_validate(job)
    assert (job["state"], job["cost"], job["doubt"]) == ("queued", "0.006", None)
    assert job["waiting_for"]
    attempt = attempt_of(client, doubted)
    assert (attempt["doubt_ended"], attempt["cost_known"]) == ("operator_retry", False)
    assert attempt["looked"] == f"an operator sends it again: {NOTE}"
    client.post(f"/api/v1/jobs/{doubted}/cancel")


def test_a_job_has_failed(client: httpx.Client, resolve: Resolve, doubted: str) -> None:
    job = resolve(doubted, "failed").json()
    assert (job["state"], job["cost"]) == ("failed", "0.006")
    assert job["error"]["kind"] == "connection_lost"
    assert job["error"]["message"].endswith(f"an operator says that it failed: {NOTE}")
    assert attempt_of(client, doubted)["doubt_ended"] == "operator_failed"
    problem = is_problem(resolve(doubted, "retry"), 409, "illegal-move")
    assert problem["detail"] == "the job has already ended as failed: nothing of it is in doubt"


def test_an_uploaded_image_is_its_output(
    client: httpx.Client, resolve: Resolve, doubted: str
) -> None:
    response = resolve(doubted, "succeeded", output=upload(client, picture()), request_id="r-own")
    assert response.status_code == 200, response.text
    job = response.json()
    assert (job["state"], job["cost"]) == ("succeeded", "0.006")
    (output,) = job["outputs"]
    assert client.get(output["url"]).content == picture()
    attempt = attempt_of(client, doubted)
    assert (attempt["request_id"], attempt["doubt_ended"]) == ("r-own", "operator_succeeded")
    assert (attempt["outcome"], attempt["cost"]) == ("succeeded", "0.006")


def test_an_image_that_a_cancel_does_not_want_is_not_kept(
    gateway: Gateway, client: httpx.Client, resolve: Resolve, doubted: str
) -> None:
    image = upload(client, picture())
    client.post(f"/api/v1/jobs/{doubted}/cancel", json={"image": "drop"})
    before = gateway.kept_files()
    job = resolve(doubted, "succeeded", output=image).json()
    assert (job["state"], job["outputs"]) == ("canceled", [])
    assert gateway.kept_files() == before


def test_a_request_is_asked_about(client: httpx.Client, resolve: Resolve, doubted: str) -> None:
    response = resolve(doubted, "succeeded", request_id="r-1", key="one")
    assert response.status_code == 202, response.text
    job = response.json()
    documents.Job.model_validate(job)
    assert job["state"] == "in_doubt"
    assert job["note"].startswith("Its call is request r-1 at Segmind, which is asked about it")
    assert response.headers["location"] == job["links"]["self"]
    assert job["doubt"]["looked"] == f"an operator says that it is request r-1: {NOTE}"
    assert attempt_of(client, doubted)["request_id"] == "r-1"
    again = resolve(doubted, "succeeded", request_id="r-1", key="one")
    assert (again.status_code, again.content) == (202, response.content)
    assert again.headers["idempotency-replayed"] == "true"
    is_problem(resolve(doubted, "failed", key="one"), 422, "idempotency-key-reused")


def test_another_calls_request_is_refused(
    gateway: Gateway, client: httpx.Client, submit: Submit, resolve: Resolve, doubted: str
) -> None:
    other = submit()["id"]
    worker_hands.doubted(gateway, other)
    assert resolve(other, "succeeded", request_id="r-taken").status_code == 202
    problem = is_problem(resolve(doubted, "succeeded", request_id="r-taken"), 409, "request-held")
    assert problem["detail"] == "request r-taken is another attempt's"
    image = upload(client, picture())
    response = resolve(doubted, "succeeded", request_id="r-taken", output=image)
    is_problem(response, 409, "request-held")
    assert client.get(f"/api/v1/jobs/{doubted}").json()["state"] == "in_doubt"


@pytest.mark.parametrize(
    ("members", "fields"),
    [
        ({"as": "maybe"}, {"as": "must be one of ['retry', 'failed', 'succeeded']"}),
        ({"as": None}, {"as": "must be one of"}),
        ({"note": ""}, {"note": "must be a text of 1 to 2,000 characters that says why"}),
        ({"note": " \n"}, {"note": "must be a text"}),
        ({"note": "x" * 2_001}, {"note": "must be a text"}),
        ({"note": "a\0b"}, {"note": "must not contain NUL"}),
        ({"as": "succeeded"}, {"request_id": "is required, or output", "output": "is required"}),
        ({"request_id": "r"}, {"request_id": "is only for as succeeded"}),
        ({"as": "failed", "output": "segq:" + "0a" * 32}, {"output": "is only for as succeeded"}),
        ({"as": "succeeded", "request_id": "a b"}, {"request_id": "must be Segmind's id"}),
        ({"as": "succeeded", "request_id": "r" * 201}, {"request_id": "must be Segmind's id"}),
        ({"as": "succeeded", "output": "https://x/y.png"}, {"output": "must be segq: and 64"}),
        ({"as": "succeeded", "output": "0a" * 32}, {"output": "must be segq: and 64"}),
        ({"as": "succeeded", "output": "segq:" + "0a" * 32}, {"output": "refers to no image"}),
        ({"colour": 1, "as": 7}, {"colour": "is no member of this", "as": "must be one of"}),
    ],
)
def test_what_cannot_be_meant_is_refused_with_every_wrong_field(
    client: httpx.Client,
    resolve: Resolve,
    doubted: str,
    members: dict[str, Any],
    fields: dict[str, str],
) -> None:
    body = {"as": "retry", "note": NOTE, **members}
    problem = is_problem(
        client.post(f"/api/v1/jobs/{doubted}/resolve", json=body), 422, "invalid-fields"
    )
    told = {error["field"]: error["message"] for error in problem["errors"]}
    assert told.keys() == fields.keys()
    assert all(told[name].startswith(words) for name, words in fields.items())
    assert client.get(f"/api/v1/jobs/{doubted}").json()["state"] == "in_doubt"


def test_both_required_members_are_named(client: httpx.Client, doubted: str) -> None:
    problem = is_problem(
        client.post(f"/api/v1/jobs/{doubted}/resolve", json={}), 422, "invalid-fields"
    )
    assert [error["field"] for error in problem["errors"]] == ["as", "note"]
    answer = client.post(f"/api/v1/jobs/{doubted}/resolve", content=b"{}")
    is_problem(answer, 415, "wrong-content-type")


@pytest.mark.parametrize("verdict", ["retry", "failed"])
def test_only_what_is_in_doubt_is_resolved(
    gateway: Gateway, submit: Submit, resolve: Resolve, verdict: str
) -> None:
    job = submit()["id"]
    problem = is_problem(resolve(job, verdict), 409, "illegal-move")
    assert problem["detail"] == "the job is queued: nothing of it is in doubt"
    worker_hands.claim(gateway, job)
    is_problem(resolve(job, verdict), 409, "illegal-move")


def test_nothing_is_copied_for_a_job_that_is_not_in_doubt(
    gateway: Gateway, client: httpx.Client, submit: Submit, resolve: Resolve
) -> None:
    job, image = submit()["id"], upload(client, picture())
    before = gateway.kept_files()
    is_problem(resolve(job, "succeeded", output=image), 409, "illegal-move")
    assert gateway.kept_files() == before


def test_another_tenants_job_and_image_are_not_there(
    gateway: Gateway, client: httpx.Client, stranger: httpx.Client, resolve: Resolve, doubted: str
) -> None:
    body = {"as": "retry", "note": "mine"}
    is_problem(stranger.post(f"/api/v1/jobs/{doubted}/resolve", json=body), 404, "not-found")
    theirs = upload(stranger, picture())
    is_problem(resolve(doubted, "succeeded", output=theirs), 422, "invalid-fields")
    assert client.get(f"/api/v1/jobs/{doubted}").json()["state"] == "in_doubt"
