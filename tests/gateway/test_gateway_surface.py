from typing import Any

import httpx
import pytest

from api_gateway import documents, problem_documents
from jobs.scopes import Scope
from tests.gateway import worker_hands
from tests.gateway.conftest import SMALL_INPUT, Submit, is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture


@pytest.fixture
def described(gateway: Gateway) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{gateway.url}/openapi.json").json()
    return found


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", "/", 404, "not-found"),
        ("GET", "/api/v1/jobs/", 404, "not-found"),
        ("DELETE", "/api/v1/jobs", 405, "wrong-method"),
        ("DELETE", "/api/v1/models", 405, "wrong-method"),
    ],
)
def test_every_refusal_is_a_problem(
    client: httpx.Client, method: str, path: str, status: int, name: str
) -> None:
    response = client.request(method, path)
    is_problem(response, status, name)
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/jobs", "GET, POST"),
        ("/api/v1/jobs/x", "GET, PATCH"),
        ("/api/v1/jobs/x/cancel", "POST"),
        ("/api/v1/jobs/x/outputs/0", "GET, HEAD"),
        ("/healthz", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_all_that_the_address_takes(
    client: httpx.Client, path: str, methods: str
) -> None:
    assert client.delete(path).headers["allow"] == methods


def test_it_is_alive_and_ready(gateway: Gateway) -> None:
    assert httpx.get(f"{gateway.url}/healthz").json() == {"status": "alive"}
    assert httpx.get(f"{gateway.url}/readyz").json() == {"status": "ready"}
    assert httpx.get(f"{gateway.url}/docs").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_load_balancer_may_ask_with_head(gateway: Gateway, path: str) -> None:
    response = httpx.head(gateway.url + path)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "path",
    [
        "jobs",
        "jobs/{}",
        "jobs/{}/outputs/0",
        "account",
        "tenant",
        "pauses",
        "models",
        "models/ssd-1b",
    ],
)
def test_an_unknown_parameter_is_refused_by_every_reading_address(
    gateway: Gateway, client: httpx.Client, submit: Submit, path: str
) -> None:
    job = submit()["id"]
    worker_hands.succeed(gateway, worker_hands.claim(gateway, job), picture())
    address = f"/api/v1/{path.format(job)}"
    assert client.get(address).status_code == 200
    (error,) = is_problem(client.get(f"{address}?x=1"), 422, "invalid-fields")["errors"]
    assert error["field"] == "x"
    assert error["message"].startswith("is no parameter of this address; it has ")


def test_answers_may_get_more_members_and_requests_may_not(described: dict[str, Any]) -> None:
    """A strict client made from the description must live through the next version."""
    schemas = described["components"]["schemas"]
    strict = {name for name, schema in schemas.items() if "additionalProperties" in schema}
    assert strict
    ours = (
        *("Submit-", "Input-", "EstimateOf", "Cancel", "Resolve", "PauseWish", "ResumeWish"),
        *("NewBatch", "BatchChange", "BatchPause"),
    )
    assert all(name.startswith(ours) for name in strict)
    assert set(schemas["JobError"]["properties"]) == {
        *("kind", "message", "advice", "status", "reaction"),
    }


def test_headers_are_described(described: dict[str, Any]) -> None:
    jobs, one = described["paths"]["/api/v1/jobs"], described["paths"]["/api/v1/jobs/{job_id}"]
    cancel = described["paths"]["/api/v1/jobs/{job_id}/cancel"]["post"]["responses"]
    accepted = jobs["post"]["responses"]
    assert set(accepted["202"]["headers"]) == {"Location", "Idempotency-Replayed"}
    assert set(cancel["200"]["headers"]) == {"Idempotency-Replayed"}
    assert set(one["get"]["responses"]["200"]["headers"]) == {"ETag"}
    assert set(one["get"]["responses"]["304"]["headers"]) == {"ETag"}
    for later in (accepted["409"], accepted["503"], cancel["409"]):
        assert set(later["headers"]) == {"Retry-After"}


def test_every_operation_describes_its_answers_and_its_problems(
    described: dict[str, Any],
) -> None:
    assert described["openapi"].startswith("3.1")
    operations = {
        (method, path): operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for (_, path), operation in operations.items():
        assert operation["responses"]["default"]["content"] == problem
        for status, response in operation["responses"].items():
            assert response["description"]
            if status.startswith(("4", "5")):
                assert response["content"] == problem
        if path.startswith("/api/"):
            assert operation["security"] in [[{"api_key": [scope]}] for scope in Scope]
            assert operation["responses"]["401"]
            assert operation["responses"]["403"]
    verbs = ("jobs", "close", "cancel", "pause", "resume", "retry", "events", "rejected")
    made = ("results", "images.zip", "contact-sheet.jpg")
    assert {path for _, path in operations} == {
        "/api/v1/batches",
        "/api/v1/batches/{batch_id}",
        *(f"/api/v1/batches/{{batch_id}}/{name}" for name in (*verbs, *made)),
        "/api/v1/jobs",
        "/api/v1/jobs/{job_id}",
        "/api/v1/jobs/{job_id}/cancel",
        "/api/v1/jobs/{job_id}/retry",
        "/api/v1/jobs/{job_id}/resolve",
        "/api/v1/jobs/{job_id}/outputs/{n}",
        "/api/v1/inputs",
        "/api/v1/estimate",
        "/api/v1/account",
        "/api/v1/tenant",
        "/api/v1/pauses",
        "/api/v1/pauses/resume",
        "/api/v1/budget",
        "/api/v1/models",
        "/api/v1/models/{slug}",
        "/healthz",
        "/readyz",
    }


def test_every_reference_of_the_description_leads_somewhere(described: dict[str, Any]) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [one for inner in value.values() for one in references(inner)]
        if isinstance(value, list):
            return [one for inner in value for one in references(inner)]
        return []

    found = references(described)
    assert found
    for reference in found:
        target: Any = described
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        assert target


def test_the_answers_are_as_described(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job = submit(SMALL_INPUT, tags=["a"])
    documents.Job.model_validate(job)
    worker_hands.succeed(gateway, worker_hands.claim(gateway, job["id"]), picture())
    documents.Job.model_validate(client.get(f"/api/v1/jobs/{job['id']}").json())
    problem_documents.Problem.model_validate(client.get("/nothing").json())
    problem_documents.Problem.model_validate(client.post("/api/v1/jobs", json={"x": 1}).json())
    headers = {"Content-Type": "image/jpeg"}
    upload = client.post("/api/v1/inputs", content=picture(), headers=headers)
    documents.KeptImage.model_validate(upload.json())
