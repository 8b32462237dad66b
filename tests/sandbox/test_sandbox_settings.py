import random
import statistics
from typing import Any

import pytest

from sandbox.settings import Latency, Settings
from tests.sandbox.sandbox_process import SandboxProcess

WHOLE: dict[str, Any] = {
    "rpm": None,
    "window": "fixed",
    "window_seconds": 60.0,
    "concurrency": None,
    "outside_rpm": 0,
    "latency": {"median": 0.0, "sigma": 0.0},
    "credits": "100",
    "speed": 1.0,
    "fetch_images": False,
    "reset_header": "always",
    "reset_format": "iso",
    "reset_offset": 0.0,
    "clock_offset": 0.0,
    "charge_on_disconnect": "always",
    "samples_form": "json_list",
    "queue": {"median": 0.0, "sigma": 0.0},
    "v2_malformed": "refuse",
    "v2_images": True,
    "v2_output": "list",
    "record_seconds": 3_600.0,
    "polls_count": False,
    "output_seconds": 604_800.0,
    "history_lag": {"median": 0.0, "sigma": 0.0},
    "history_missing": 0.0,
    "history_image": "whole",
    "history_ids": "same",
    "teammates_rpm": 0,
}


def test_a_change_is_merged_and_the_whole_answered(sandbox: SandboxProcess) -> None:
    assert sandbox.http.get("/_sandbox/settings").json() == WHOLE
    changed = sandbox.change(rpm=600, latency={"sigma": 0.5}, credits="5.10").json()
    expected = WHOLE | {"rpm": 600, "latency": {"median": 0.0, "sigma": 0.5}, "credits": "5.10"}
    assert changed == sandbox.http.get("/_sandbox/settings").json() == expected


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("rpm", [None, 1, 1_000_000]),
        ("window", ["fixed", "sliding"]),
        ("window_seconds", [0.001, 60, 86_400]),
        ("latency", [{}, {"median": 0}, {"median": 3600, "sigma": 5}]),
        ("credits", ["0", 0, "0.0000000001", 12.5, 1_000_000_000]),
        ("speed", [0.001, 1_000_000]),
        ("fetch_images", [True, False]),
        ("concurrency", [None, 1, 1_000_000]),
        ("outside_rpm", [0, 1, 10_000]),
        ("reset_header", ["always", "on_429", "never"]),
        ("reset_format", ["iso", "iso_naive", "epoch", "epoch_ms", "http_date"]),
        ("reset_offset", [-86_400, 0, 0.5, 86_400]),
        ("clock_offset", [-86_400, 0, 0.5, 86_400]),
        ("charge_on_disconnect", ["always", "never", "random"]),
        ("samples_form", ["json_list", "first", "multipart"]),
        ("queue", [{}, {"median": 0}, {"median": 3600, "sigma": 5}]),
        ("v2_malformed", ["refuse", "accept"]),
        ("v2_images", [True, False]),
        ("v2_output", ["list", "first"]),
        ("record_seconds", [0.001, 604_800]),
        ("polls_count", [True, False]),
        ("output_seconds", [0.001, 2_678_400]),
        ("history_lag", [{}, {"median": 0}, {"median": 3600, "sigma": 5}]),
        ("history_missing", [0, 0.5, 1]),
        ("history_image", ["whole", "left_out", "placeholder"]),
        ("history_ids", ["same", "other"]),
        ("teammates_rpm", [0, 1, 10_000]),
    ],
)
def test_values_in_bounds_are_taken(sandbox: SandboxProcess, name: str, good: list[Any]) -> None:
    for value in good:
        assert sandbox.change(**{name: value}).status_code == 200, value


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("rpm", [0, -1, 1.0, True, "60", 1_000_001]),
        ("window", ["Fixed", None, 1, []]),
        ("window_seconds", [0, -1, 86_401, "60", None, True]),
        ("latency", [6, None, {"mean": 6}, {"median": -1}, {"median": 3601}, {"sigma": 5.1}]),
        ("credits", ["", "-1", -1, "1e3", "1_0", "NaN", None, True, "0.00000000001", 1e10]),
        ("speed", [0, -1, 1_000_001, "1"]),
        ("fetch_images", [0, "yes", None]),
        ("concurrency", [0, -1, 1.0, True, "2", 1_000_001]),
        ("outside_rpm", [-1, None, 1.0, True, "2", 10_001]),
        ("reset_header", ["on 429", None, True, 429]),
        ("reset_format", ["ISO", None, 0]),
        ("reset_offset", [-86_400.1, 86_400.1, None, "1", True]),
        ("clock_offset", [-86_400.1, 86_400.1, None, "1", True]),
        ("charge_on_disconnect", [True, False, None, "half"]),
        ("samples_form", ["list", None, []]),
        ("queue", [0.3, None, {"mean": 6}, {"median": -1}, {"median": 3601}, {"sigma": 5.1}]),
        ("v2_malformed", ["Refuse", None, True]),
        ("v2_images", [0, "yes", None]),
        ("v2_output", ["all", None, 1]),
        ("record_seconds", [0, -1, 604_801, "60", None, True]),
        ("polls_count", [0, "yes", None]),
        ("output_seconds", [0, -1, 2_678_401, "60", None, True]),
        ("history_lag", [1, None, {"mean": 6}, {"median": -1}, {"median": 3601}, {"sigma": 5.1}]),
        ("history_missing", [-0.1, 1.1, "0", None, True]),
        ("history_image", ["hidden", None, True]),
        ("history_ids", ["v1", None, True]),
        ("teammates_rpm", [-1, None, 1.0, True, "2", 10_001]),
        ("RPM", [60]),
    ],
)
def test_values_out_of_bounds_change_nothing(
    sandbox: SandboxProcess,
    name: str,
    bad: list[Any],
) -> None:
    for value in bad:
        answer = sandbox.change(**{"speed": 3, name: value})
        assert answer.status_code == 400, value
        assert name in answer.json()["error"]
    assert sandbox.http.get("/_sandbox/settings").json() == WHOLE


def test_a_change_must_be_a_strict_json_object(sandbox: SandboxProcess) -> None:
    for body in (b"", b"[]", b'{"speed": NaN}', b'{"speed": 1, "speed": 2}'):
        assert sandbox.http.post("/_sandbox/settings", content=body).status_code == 400


def test_latency_is_lognormal_around_its_median() -> None:
    assert Settings().latency == Latency(median=6.0, sigma=0.25)
    seeded = random.Random(1)
    drawn = [Latency(median=6.0, sigma=0.25).draw(seeded) for _ in range(4_000)]
    assert statistics.median(drawn) == pytest.approx(6, rel=0.03)
    below, *_, above = statistics.quantiles(drawn, n=6)
    assert below == pytest.approx(6 * 0.785, rel=0.04)  # e^(-0.967 * 0.25), a sixth of a normal
    assert above == pytest.approx(6 / 0.785, rel=0.04)
