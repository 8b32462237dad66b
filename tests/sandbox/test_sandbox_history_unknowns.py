"""What is unknown about the history upstream, each made to be so and otherwise."""

import time
from typing import Any

import pytest
from PIL import Image

from sandbox.history_rows import PLACEHOLDER
from sandbox.sent_images import SHORT
from tests.sandbox.sandbox_process import (
    AT_ONCE,
    KEY,
    OTHER_KEY,
    URL,
    SandboxProcess,
    encoded,
    until,
)

PATH = "/inference-request/request-history"


def shown_seeds(sandbox: SandboxProcess) -> list[int]:
    return [row["request_body"]["seed"] for row in sandbox.rows(per_page=100, sort_order="asc")]


def test_a_row_appears_late_and_its_later_states_at_once(sandbox: SandboxProcess) -> None:
    sandbox.change(history_lag={"median": 0.5}, queue={"median": 1.0})
    begun = time.monotonic()
    request_id = sandbox.submitted()
    assert sandbox.rows() == []
    assert sandbox.ask(f"{PATH}/{request_id}").status_code == 404
    until(lambda: sandbox.rows() != [])
    assert time.monotonic() - begun > 0.45
    assert sandbox.rows()[0]["model_status"] == "PENDING"
    assert sandbox.ask(f"{PATH}/{request_id}").status_code == 200
    sandbox.ended(request_id)
    assert sandbox.rows()[0]["model_status"] == "COMPLETED"


def test_rows_need_not_appear_in_order(sandbox: SandboxProcess) -> None:
    sandbox.change(history_lag={"median": 0.5, "sigma": 2})
    for seed in range(40):
        sandbox.call(seed=seed)
    seen: list[int] = []

    def all_there() -> bool:
        seeds = shown_seeds(sandbox)
        assert seeds == sorted(seeds), "what is there stands in the order of its creation"
        seen.extend(sorted(set(seeds) - set(seen)))
        return len(seen) > 25

    until(all_there)
    assert seen != sorted(seen)


def test_speed_does_not_shorten_the_lag(sandbox: SandboxProcess) -> None:
    sandbox.change(history_lag={"median": 0.5}, speed=1000)
    sandbox.call()
    assert sandbox.rows() == []


def test_a_share_of_rows_never_appears(sandbox: SandboxProcess) -> None:
    sandbox.change(history_missing=0.5)
    ids = [sandbox.call(seed=seed).headers["x-request-id"] for seed in range(60)]
    listed = {row["request_id"] for row in sandbox.rows(per_page=100)}
    assert 10 < len(listed) < 50
    for request_id in ids:
        found = sandbox.ask(f"{PATH}/{request_id}").status_code == 200
        assert found is (request_id in listed)
    assert {row["request_id"] for row in sandbox.rows(per_page=100)} == listed


def test_a_missing_row_is_a_request_all_the_same(sandbox: SandboxProcess) -> None:
    sandbox.change(history_missing=1)
    assert sandbox.ended(sandbox.submitted()).json()["status"] == "COMPLETED"
    assert sandbox.rows() == []


LONG = encoded(Image.effect_noise((100, 100), 50), "PNG")


@pytest.mark.parametrize("image", [URL, LONG], ids=["url", "base64"])
@pytest.mark.parametrize("shown", ["whole", "left_out", "placeholder"])
def test_what_is_shown_of_the_image(sandbox: SandboxProcess, image: str, shown: str) -> None:
    assert len(LONG) > SHORT >= len(URL)
    sandbox.call(image=image)
    sandbox.change(history_image=shown)
    (row,) = sandbox.rows()
    body: dict[str, Any] = {"prompt": "a cup", "seed": 7}
    match shown:
        case "whole":
            body["image"] = image
        case "placeholder":
            body["image"] = PLACEHOLDER
    assert row["request_body"] == body


def test_v1_calls_may_have_other_ids(sandbox: SandboxProcess) -> None:
    sandbox.change(history_ids="other")
    v1 = sandbox.call().headers["x-request-id"]
    v2 = sandbox.submitted()
    listed = [row["request_id"] for row in sandbox.rows()]
    assert listed[0] == v2
    assert listed[1] != v1
    assert sandbox.ask(f"{PATH}/{v1}").status_code == 404
    assert sandbox.ask(f"{PATH}/{listed[1]}").status_code == 200
    assert sandbox.ledger()[0]["id"] == v1


def test_teammates_call_too(sandbox: SandboxProcess) -> None:
    sandbox.change(teammates_rpm=600)
    sandbox.call()
    until(lambda: len(sandbox.rows()) > 5)
    rows = sandbox.rows(per_page=100)
    (own,) = [row for row in rows if row["request_body"]["seed"] == 7]
    others = [row for row in rows if row is not own]
    assert {row["model_status"] for row in others} == {"COMPLETED"}
    assert len({row["request_body"]["seed"] for row in others}) == len(others)
    assert all(row["request_body"]["prompt"] != "a cup" for row in others)
    for row in others:
        assert sandbox.ask(f"{PATH}/{row['request_id']}").status_code == 404
    created = [row["model_created"] for row in rows]
    assert created == sorted(created, reverse=True)
    assert sandbox.credits() == "99.994"
    assert len(sandbox.ledger()) == 1


def test_each_key_has_teammates_from_the_moment_they_begin(sandbox: SandboxProcess) -> None:
    sandbox.change(teammates_rpm=1)
    assert (len(sandbox.rows(KEY)), len(sandbox.rows(OTHER_KEY))) == (1, 1)
    sandbox.change(teammates_rpm=0, history_lag=AT_ONCE)
    assert len(sandbox.rows(KEY)) == 1
