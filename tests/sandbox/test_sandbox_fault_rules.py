from typing import Any

import pytest

from tests.sandbox.sandbox_process import KEY, OTHER_KEY, SandboxProcess

TEAPOT = {"kind": "status", "status": 418}


def statuses(sandbox: SandboxProcess, count: int, **changes: Any) -> list[int]:
    return [sandbox.call(**changes).status_code for _ in range(count)]


def listed(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = sandbox.http.get("/_sandbox/faults").json()["rules"]
    return rules


def test_a_rule_holds_for_its_count_after_its_skip(sandbox: SandboxProcess) -> None:
    (kept,) = sandbox.faults({"skip": 2, "count": 3, "effect": TEAPOT})
    assert (kept["skip"], kept["count"], kept["hits"], kept["left"]) == (2, 3, 0, 3)
    assert statuses(sandbox, 4) == [200, 200, 418, 418]
    assert [(rule["hits"], rule["left"]) for rule in listed(sandbox)] == [(2, 1)]
    assert statuses(sandbox, 2) == [418, 200]
    assert [(rule["hits"], rule["left"]) for rule in listed(sandbox)] == [(3, 0)]


def test_a_rule_without_more_is_for_one_call_of_any_kind(sandbox: SandboxProcess) -> None:
    answer = sandbox.http.post("/_sandbox/faults", json={"effect": TEAPOT})
    assert answer.status_code == 201
    (kept,) = answer.json()["rules"]
    defaults = {"match": {}, "skip": 0, "count": 1, "runs": False, "hits": 0, "left": 1}
    assert kept == {"id": kept["id"], **defaults, "effect": kept["effect"]}
    assert kept["effect"].items() >= TEAPOT.items()
    assert statuses(sandbox, 2) == [418, 200]


def test_a_count_of_null_holds_until_it_is_cleared(sandbox: SandboxProcess) -> None:
    one, other = sandbox.faults(
        {"count": None, "match": {"seed": 1}, "effect": TEAPOT},
        {"count": None, "match": {"seed": 2}, "effect": TEAPOT},
    )
    assert statuses(sandbox, 20, seed=1) == [418] * 20
    assert listed(sandbox)[0]["left"] is None
    assert sandbox.http.delete(f"/_sandbox/faults/{one['id']}").status_code == 204
    assert sandbox.http.delete(f"/_sandbox/faults/{one['id']}").status_code == 404
    assert [rule["id"] for rule in listed(sandbox)] == [other["id"]]
    assert (statuses(sandbox, 1, seed=1), statuses(sandbox, 1, seed=2)) == ([200], [418])
    sandbox.clear_faults()
    assert listed(sandbox) == []
    assert statuses(sandbox, 1, seed=2) == [200]


def test_the_first_rule_with_something_left_takes_the_call(sandbox: SandboxProcess) -> None:
    sandbox.faults(
        {"effect": {"kind": "status", "status": 501}},
        {"skip": 1, "effect": {"kind": "status", "status": 502}},
        {"count": 2, "effect": {"kind": "status", "status": 503}},
    )
    # The second lets by the first call that reaches it, and the third takes that one.
    assert statuses(sandbox, 5) == [501, 503, 502, 503, 200]


@pytest.mark.parametrize(
    ("match", "call"),
    [
        ({"path": "/v1/ssd-canny"}, {}),
        ({"path": "/v1/ssd-*"}, {}),
        ({"path": "/v1/*"}, {}),
        ({"model": "ssd-canny"}, {}),
        ({"prompt": "Café"}, {"prompt": "ein Café, bitte"}),
        ({"seed": 8}, {"seed": 8}),
        ({"seed": -1}, {"seed": -1}),
        ({"key": OTHER_KEY}, {"key": OTHER_KEY}),
        ({"key": KEY, "seed": 8, "prompt": "b", "model": "ssd-canny"}, {"seed": 8, "prompt": "b"}),
        ({"seed": 8}, {"seed": 8, "samples": 9}),
    ],
)
def test_a_call_that_fits_in_every_member_meets_the_fault(
    sandbox: SandboxProcess, match: dict[str, Any], call: dict[str, Any]
) -> None:
    sandbox.faults({"match": match, "effect": TEAPOT})
    assert sandbox.call(**call).status_code == 418


@pytest.mark.parametrize(
    "match",
    [
        {"path": "/v1/ssd-cann"},
        {"path": "/v1/ssd-1*"},
        {"path": "/v2/*"},
        {"path": "/v1/get-user-credits"},
        {"model": "ssd-1b"},
        {"prompt": "A CUP"},
        {"prompt": "a cup of"},
        {"seed": 70},
        {"key": OTHER_KEY},
        {"seed": 7, "prompt": "tea"},
        {"seed": 7, "key": OTHER_KEY},
        {"model": "ssd-1b", "key": KEY},
    ],
)
def test_a_call_that_fails_one_member_does_not(
    sandbox: SandboxProcess, match: dict[str, Any]
) -> None:
    sandbox.faults({"match": match, "effect": TEAPOT})
    assert sandbox.call().status_code == 200
    assert [rule["hits"] for rule in listed(sandbox)] == [0]


def test_a_call_that_would_be_refused_meets_a_fault_too(sandbox: SandboxProcess) -> None:
    sandbox.faults({"count": 4, "effect": TEAPOT})
    assert sandbox.call(model="none").status_code == 418
    assert sandbox.send(b"{", "text/plain").status_code == 418
    assert sandbox.send(b"{").status_code == 418
    assert sandbox.http.put("/v1/ssd-canny", headers={"x-api-key": KEY}).status_code == 418
    assert [row["status"] for row in sandbox.ledger()] == [418] * 4
    sandbox.faults({"effect": TEAPOT})
    assert sandbox.call(key="SG_0000000000000000").status_code == 401
    assert listed(sandbox)[-1]["left"] == 1


@pytest.mark.parametrize("runs", [False, True])
def test_the_credits_endpoint_meets_faults(sandbox: SandboxProcess, runs: bool) -> None:
    path = "/v1/get-user-credits"
    sandbox.faults(
        {"match": {"path": path}, "runs": runs, "effect": {"kind": "status", "status": 404}},
        {"match": {"path": path}, "effect": {"kind": "content_type", "value": "text/html"}},
        {"match": {}, "effect": {"kind": "status", "status": 503}},
    )
    assert sandbox.call(seed=1).status_code == 503
    ask = {"x-api-key": KEY}
    assert sandbox.http.get(path, headers=ask).status_code == 404
    answer = sandbox.http.get(path, headers=ask)
    assert (answer.headers["content-type"], answer.json()["credits"]) == ("text/html", 100)
    assert sandbox.credits() == "100"
    assert len(sandbox.ledger()) == 1


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({}, "effect"),
        ({"effect": "status"}, "effect"),
        ({"effect": {}}, "effect.kind"),
        ({"effect": {"kind": "teapot"}}, "effect.kind"),
        ({"effect": {"kind": ["status"]}}, "effect.kind"),
        ({"effect": {"kind": "status"}}, "effect.status"),
        ({"effect": TEAPOT, "when": 1}, "when"),
        ({"effect": TEAPOT, "id": "7"}, "id"),
        ({"effect": TEAPOT, "match": None}, "match"),
        ({"effect": TEAPOT, "match": {"colour": "red"}}, "match.colour"),
        *(
            ({"effect": TEAPOT, "match": {"path": path}}, "match.path")
            for path in ("/v3/x", "v1/x", "/v1/", "/v2/*/status", "/v1/a*b", "/_sandbox/*", "/*")
        ),
        ({"effect": TEAPOT, "match": {"path": 1}}, "match.path"),
        ({"effect": TEAPOT, "match": {"model": ""}}, "match.model"),
        ({"effect": TEAPOT, "match": {"prompt": ""}}, "match.prompt"),
        ({"effect": TEAPOT, "match": {"prompt": None}}, "match.prompt"),
        ({"effect": TEAPOT, "match": {"seed": "7"}}, "match.seed"),
        ({"effect": TEAPOT, "match": {"seed": True}}, "match.seed"),
        ({"effect": TEAPOT, "match": {"seed": -2}}, "match.seed"),
        ({"effect": TEAPOT, "match": {"key": "SG_1"}}, "match.key"),
        ({"effect": TEAPOT, "skip": -1}, "skip"),
        ({"effect": TEAPOT, "skip": None}, "skip"),
        ({"effect": TEAPOT, "count": 0}, "count"),
        ({"effect": TEAPOT, "count": 1.0}, "count"),
        ({"effect": TEAPOT, "runs": 1}, "runs"),
    ],
)
def test_a_wrong_rule_is_named_and_nothing_is_added(
    sandbox: SandboxProcess, rule: dict[str, Any], named: str
) -> None:
    alone = sandbox.http.post("/_sandbox/faults", json=rule)
    assert alone.status_code == 400
    assert alone.json()["error"].startswith(f"Invalid fault: {named} ")
    among = sandbox.http.post("/_sandbox/faults", json={"rules": [{"effect": TEAPOT}, rule]})
    assert among.status_code == 400
    assert among.json()["error"].startswith(f"Invalid fault: rules[1].{named} ")
    assert listed(sandbox) == []


@pytest.mark.parametrize(
    ("effect", "named"),
    [
        ({"kind": "status", "status": 199}, "status"),
        ({"kind": "status", "status": 600}, "status"),
        ({"kind": "status", "status": "502"}, "status"),
        ({"kind": "status", "status": 502, "body": "xml"}, "body"),
        ({"kind": "status", "status": 502, "error": 1}, "error"),
        ({"kind": "status", "status": 502, "body": "raw"}, "raw"),
        ({"kind": "status", "status": 502, "raw": "a"}, "raw"),
        ({"kind": "status", "status": 502, "content_type": "a/b"}, "content_type"),
        ({"kind": "status", "status": 502, "body": "empty", "error": "a"}, "error"),
        ({"kind": "status", "status": 502, "headers": []}, "headers"),
        ({"kind": "status", "status": 502, "headers": {"x y": "a"}}, "headers"),
        ({"kind": "status", "status": 502, "headers": {"x": "a\r\nb: c"}}, "headers"),
        ({"kind": "status", "status": 502, "headers": {"Content-Length": "1"}}, "headers"),
        ({"kind": "reset", "at": "start"}, "at"),
        ({"kind": "reset", "how": "fin"}, "how"),
        ({"kind": "hang", "at": None}, "at"),
        ({"kind": "hang", "seconds": -1}, "seconds"),
        ({"kind": "hang", "seconds": 3_601}, "seconds"),
        ({"kind": "hang", "then": "answer"}, "seconds"),
        ({"kind": "hang", "then": "reset"}, "then"),
        ({"kind": "truncate", "fraction": 1}, "fraction"),
        ({"kind": "truncate", "fraction": -0.1}, "fraction"),
        ({"kind": "drip", "part": "both"}, "part"),
        ({"kind": "drip", "bytes": 0}, "bytes"),
        ({"kind": "drip", "every": 61}, "every"),
        ({"kind": "endless", "bytes": 2}, "bytes"),
        ({"kind": "endless", "content_type": ""}, "content_type"),
        ({"kind": "content_type"}, "value"),
        ({"kind": "content_type", "value": "a\nb"}, "value"),
        ({"kind": "bomb", "side": 1}, "side"),
        ({"kind": "garbage", "bytes": -1}, "bytes"),
        ({"kind": "garbage", "cut": 1}, "cut"),
        ({"kind": "fails"}, "error"),
        ({"kind": "fails", "error": ""}, "error"),
    ],
)
def test_a_wrong_effect_is_named(
    sandbox: SandboxProcess, effect: dict[str, Any], named: str
) -> None:
    answer = sandbox.http.post("/_sandbox/faults", json={"effect": effect})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"Invalid fault: effect.{named} ")
    assert listed(sandbox) == []


@pytest.mark.parametrize(
    "sent", [{"rules": []}, {"rules": {}}, {"rules": [{"effect": TEAPOT}], "count": 1}]
)
def test_a_wrong_list_is_refused(sandbox: SandboxProcess, sent: dict[str, Any]) -> None:
    answer = sandbox.http.post("/_sandbox/faults", json=sent)
    assert (answer.status_code, answer.json()["error"][:20]) == (400, "Invalid fault: rules")
    assert listed(sandbox) == []


def test_a_member_of_the_list_that_is_no_object_is_named(sandbox: SandboxProcess) -> None:
    answer = sandbox.http.post("/_sandbox/faults", json={"rules": [7]})
    assert answer.json() == {"error": "Invalid fault: rules[0] must be an object"}
