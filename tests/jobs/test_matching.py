from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.matching import Call, HistoryStatus, Listed, Standing, Unclear, matched, same_call
from jobs.shown_inputs import LONGEST_SHOWN, is_digest, shown

NOW = datetime(2030, 1, 1, tzinfo=UTC)
IMAGES = frozenset({"image"})
PICTURE, OTHER = "A" * 1_000, "B" * 1_000
INPUTS: dict[str, Any] = {"image": PICTURE, "prompt": "a fox", "guidance_scale": 7.5, "seed": 7}


def call(
    n: int = 1, standing: Standing = Standing.IN_DOUBT, *, own_seed: bool = True, **changes: Any
) -> Call:
    inputs = shown({**INPUTS, **changes})
    return Call(str(n), inputs, standing, NOW + timedelta(seconds=n), own_seed)


def row(
    name: str = "r1", status: HistoryStatus = HistoryStatus.COMPLETED, **changes: Any
) -> Listed:
    inputs = {k: v for k, v in {**INPUTS, **changes}.items() if v is not ...}
    return Listed(name, status, shown(inputs))


def found(calls: list[Call], rows: list[Listed]) -> dict[int, str]:
    """By the calls' numbers: the request's name, or why there is none."""
    return {
        int(one): verdict.request_id if isinstance(verdict, Listed) else verdict.name
        for one, verdict in matched(calls, rows, IMAGES).items()
    }


def test_a_row_with_all_inputs_equal_is_the_calls() -> None:
    assert found([call()], [row(), row("r2", seed=8)]) == {1: "r1"}


@pytest.mark.parametrize(
    "changes",
    [{"prompt": "a fix"}, {"guidance_scale": 7}, {"image": OTHER}, {"extra": 1}, {"prompt": ...}],
)
def test_a_row_that_differs_in_anything_is_not_and_its_seed_is_noticed(
    changes: dict[str, Any],
) -> None:
    assert found([call()], [row(**changes)]) == {1: "DIFFERS"}
    assert found([call(own_seed=False)], [row(**changes)]) == {1: "MISSING"}


def test_numbers_are_equal_as_json_has_them() -> None:
    assert found([call(guidance_scale=7)], [row(guidance_scale=7.0)]) == {1: "r1"}
    assert found([call(base64=True)], [row(base64=1)]) == {1: "DIFFERS"}


@pytest.mark.parametrize("left_out", [..., None, "", "(image)"])
def test_an_image_that_is_left_out_is_no_riddle_for_one_call_and_one_row(left_out: Any) -> None:
    assert found([call()], [row(image=left_out)]) == {1: "r1"}
    assert found([call()], [row(image=left_out, status=HistoryStatus.PENDING)]) == {1: "PENDING"}


def test_an_image_that_is_left_out_is_never_guessed() -> None:
    two = [row(image=...), row("r2", image=...)]
    assert found([call()], two) == {1: "AMBIGUOUS"}
    others = [call(2, image=OTHER), call(2, Standing.OPEN, image=OTHER), call(2, Standing.PAID)]
    for other in others:
        assert found([call(), other], [row(image=...)])[1] == "AMBIGUOUS"


def test_an_address_is_compared_and_what_stands_in_its_place_is_not() -> None:
    sent = call(image="https://example.org/a.png")
    assert found([sent], [row(image="https://example.org/a.png")]) == {1: "r1"}
    other = row(image="https://example.org/b.png")
    # A seed of ours is no other call's.
    assert found([sent], [other]) == {1: "DIFFERS"}
    assert found([replace(sent, own_seed=False)], [other]) == {1: "MISSING"}
    assert found([sent], [row(image=...)]) == {1: "r1"}


def test_ten_images_with_one_seed_each_get_their_own() -> None:
    pictures = [chr(65 + n) * 1_000 for n in range(10)]
    calls = [call(n, own_seed=False, image=one) for n, one in enumerate(pictures, 1)]
    rows = [row(f"r{n}", image=one) for n, one in enumerate(pictures, 1)]
    assert found(calls, rows[::-1]) == {n: f"r{n}" for n in range(1, 11)}


def test_equal_calls_share_equal_rows_the_dearest_first_and_no_row_twice() -> None:
    calls = [call(n, own_seed=False) for n in (1, 2, 3, 4)]
    rows = [
        row("failed", HistoryStatus.FAILED),
        row("pending", HistoryStatus.PENDING),
        row("done"),
    ]
    assert found(calls, rows) == {1: "done", 2: "PENDING", 3: "failed", 4: "MISSING"}


def test_a_row_that_may_be_of_a_call_under_way_is_not_taken() -> None:
    calls = [call(own_seed=False), call(2, Standing.OPEN, own_seed=False)]
    assert found(calls, [row()]) == {1: "SHARED"}
    assert found(calls, []) == {1: "MISSING"}


def test_calls_that_have_ended_have_had_their_rows() -> None:
    paid, unpaid = call(2, Standing.PAID), call(3, Standing.UNPAID)
    failed = row("failed", HistoryStatus.FAILED)
    assert found([call(), paid], [row()]) == {1: "MISSING", 2: "r1"}
    assert found([call(), paid], [row(), row("r2")]) == {1: "r2", 2: "r1"}
    # Its row lags: what has not ended is not its.
    assert found([call(), paid], [row(status=HistoryStatus.PENDING)]) == {
        1: "PENDING",
        2: "MISSING",
    }
    # Else a call that was paid and lags would be sent again for a failure that was another's.
    assert found([call(), unpaid], [failed]) == {1: "MISSING"}
    assert found([call(), unpaid], [failed, row()]) == {1: "r1"}


def test_a_call_in_doubt_goes_before_one_that_somebody_has_decided_about() -> None:
    """Else its job would be paid once more for the row that the other has taken."""
    guessed = call(1, Standing.GUESSED, own_seed=False)
    calls = [guessed, call(2, own_seed=False)]
    assert found(calls, [row()]) == {1: "MISSING", 2: "r1"}
    assert found(calls, [row(), row("r2")]) == {1: "r2", 2: "r1"}


STANDINGS, STATUSES = st.sampled_from(Standing), st.sampled_from(HistoryStatus)
SHOWN_IMAGES = st.sampled_from([PICTURE, OTHER, ..., None])


@given(
    st.lists(
        st.tuples(STANDINGS, st.sampled_from([PICTURE, OTHER]), st.integers(1, 2)), max_size=6
    ),
    st.lists(st.tuples(STATUSES, SHOWN_IMAGES, st.integers(1, 2)), max_size=6),
)
def test_no_row_is_given_twice_and_none_to_a_call_with_another_image(
    drawn_calls: list[tuple[Standing, str, int]],
    drawn_rows: list[tuple[HistoryStatus, Any, int]],
) -> None:
    calls = [
        call(n, standing, own_seed=False, image=image, seed=seed)
        for n, (standing, image, seed) in enumerate(drawn_calls, 1)
    ]
    rows = [
        row(f"r{n}", status, image=image, seed=seed)
        for n, (status, image, seed) in enumerate(drawn_rows)
    ]
    verdicts = matched(calls, rows, IMAGES)
    seek = {Standing.IN_DOUBT, Standing.PAID, Standing.GUESSED}
    assert set(verdicts) == {one.id for one in calls if one.standing in seek}
    taken = {key: one for key, one in verdicts.items() if isinstance(one, Listed)}
    assert all(count == 1 for count in Counter(one.request_id for one in taken.values()).values())
    by_id = {one.id: one for one in calls}
    for key, one in taken.items():
        assert same_call(one, by_id[key], IMAGES)
        assert one.status is not HistoryStatus.PENDING
        if is_digest(one.inputs.get("image")):
            assert one.inputs["image"] == by_id[key].inputs["image"]


def test_every_reason_is_told_in_words() -> None:
    assert all(len(str(one)) > 20 for one in Unclear)


def test_long_texts_are_compared_by_their_hash() -> None:
    just, longer = "x" * LONGEST_SHOWN, "x" * (LONGEST_SHOWN + 1)
    assert shown({"a": just, "b": longer, "c": 1})["a"] == just
    assert is_digest(shown({"b": longer})["b"])
    assert shown({"b": longer}) != shown({"b": longer + "y"})
    assert is_digest(shown({"b": "\ud800" * 300})["b"])
