"""A key may do what its scopes name, at every address, and nothing else."""

from collections.abc import Iterator
from itertools import combinations

import httpx
import pytest

from db.api_keys import KeyStore
from db.tenants import TenantStore
from jobs.scopes import Scope
from tests.gateway.conftest import SMALL_INPUT, is_problem
from tests.gateway.gateway_process import Gateway

BATCH = "/api/v1/batches/00000000-0000-7000-8000-000000000000"
NEEDS = [
    (Scope.SUBMIT, "POST", "/api/v1/jobs"),
    (Scope.SUBMIT, "POST", "/api/v1/inputs"),
    (Scope.SUBMIT, "PATCH", "/api/v1/jobs/x"),
    (Scope.SUBMIT, "POST", "/api/v1/jobs/x/retry"),
    (Scope.SUBMIT, "POST", "/api/v1/jobs/x/resolve"),
    (Scope.CANCEL, "POST", "/api/v1/jobs/x/cancel"),
    (Scope.READ, "GET", "/api/v1/jobs"),
    (Scope.READ, "GET", "/api/v1/jobs/x"),
    (Scope.READ, "GET", "/api/v1/jobs/x/outputs/0"),
    (Scope.READ, "HEAD", "/api/v1/jobs/x/outputs/0"),
    (Scope.READ, "GET", "/api/v1/account"),
    (Scope.READ, "GET", "/api/v1/tenant"),
    (Scope.READ, "GET", "/api/v1/budget"),
    (Scope.READ, "POST", "/api/v1/estimate"),
    (Scope.READ, "GET", "/api/v1/pauses"),
    (Scope.READ, "GET", "/api/v1/models"),
    (Scope.READ, "GET", "/api/v1/models/ssd-canny"),
    (Scope.SUBMIT, "POST", "/api/v1/batches"),
    (Scope.SUBMIT, "PATCH", BATCH),
    *((Scope.SUBMIT, "POST", f"{BATCH}/{verb}") for verb in ("jobs", "close", "retry")),
    *((Scope.CANCEL, "POST", f"{BATCH}/{verb}") for verb in ("cancel", "pause", "resume")),
    (Scope.READ, "GET", "/api/v1/batches"),
    (Scope.READ, "GET", BATCH),
    *(
        (Scope.READ, "GET", f"{BATCH}/{part}")
        for part in ("events", "results", "rejected", "images.zip", "contact-sheet.jpg")
    ),
]


@pytest.fixture
def clients(gateway: Gateway, tenant: str) -> Iterator[dict[frozenset[Scope], httpx.Client]]:
    """A client for each set of three scopes, so that each lacks one; and one with all four."""
    owner = TenantStore(gateway.database).ensure(tenant)
    found = {}
    for count in (3, 4):
        for allowed in map(frozenset, combinations(Scope, count)):
            key, _ = KeyStore(gateway.database).create(owner, allowed, f"a key with {count}")
            found[allowed] = gateway.client(key)
    yield found
    for client in found.values():
        client.close()


def test_each_address_needs_its_scope_and_no_other(
    clients: dict[frozenset[Scope], httpx.Client],
) -> None:
    for needed, method, path in NEEDS:
        for allowed, client in clients.items():
            answer = client.request(method, path)
            if needed in allowed:
                assert answer.status_code not in {401, 403}, (method, path, allowed)
                continue
            assert answer.status_code == 403, (method, path, allowed)
            assert answer.headers["www-authenticate"] == (
                f'Bearer error="insufficient_scope", scope="{needed}"'
            )
            if method != "HEAD":
                problem = is_problem(answer, 403, "insufficient-scope")
                assert problem["scope"] == needed
                assert problem["detail"].endswith(f"needs a key with the scope {needed}")


def test_the_list_above_is_whole(gateway: Gateway) -> None:
    described = httpx.get(f"{gateway.url}/openapi.json").json()["paths"]
    told = {
        (scope, method.upper(), path)
        for path, methods in described.items()
        for method, operation in methods.items()
        for security in operation.get("security", [])
        for scope in security["api_key"]
    }
    tried = {(scope, method, _described(path)) for scope, method, path in NEEDS if method != "HEAD"}
    # Those two look for themselves at what they are asked to pause: see test_gateway_pauses.py.
    verbs = {(Scope.CANCEL, "POST", f"/api/v1/pauses{verb}") for verb in ("", "/resume")}
    assert told == tried | verbs


def _described(path: str) -> str:
    """As the OpenAPI document has it."""
    path = path.replace(BATCH, "/api/v1/batches/{batch_id}")
    path = path.replace("models/ssd-canny", "models/{slug}")
    return path.replace("/x", "/{job_id}").replace("/0", "/{n}")


def test_a_key_that_only_submits_sees_no_job(
    clients: dict[frozenset[Scope], httpx.Client],
) -> None:
    without_read = clients[frozenset({Scope.SUBMIT, Scope.CANCEL, Scope.ADMIN})]
    body = {"model": "ssd-canny", "input": SMALL_INPUT}
    answer = without_read.post("/api/v1/jobs", json=body)
    assert answer.status_code == 202
    location = answer.headers["location"]
    is_problem(without_read.get(location), 403, "insufficient-scope")
    is_problem(without_read.get(location, params={"wait": 60}), 403, "insufficient-scope")
    assert clients[frozenset(Scope)].get(location).status_code == 200
