import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest

from sandbox.provider_clock import reset_headers
from sandbox.settings import Settings
from tests.sandbox.sandbox_process import KEY, SandboxProcess

NAME = "x-rate-limit-reset-at-utc"


def moment(form: str, text: str) -> float:
    match form:
        case "epoch":
            return int(text)
        case "epoch_ms":
            return int(text) / 1000
        case "http_date":
            assert text.endswith(" GMT")
            return parsedate_to_datetime(text).timestamp()
        case "iso_naive":
            assert datetime.fromisoformat(text).tzinfo is None
            return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
        case _:
            assert datetime.fromisoformat(text).tzinfo is not None
            return datetime.fromisoformat(text).timestamp()


FORMS = {"iso": 0.001, "iso_naive": 0.001, "epoch": 1, "epoch_ms": 0.001, "http_date": 1}
"""Each form with its grain, seconds."""


@pytest.mark.parametrize("form", FORMS)
def test_a_stated_reset_is_never_too_early(form: str) -> None:
    settings = Settings().merged({"reset_format": form})
    for step in range(50):
        wanted = 5 + step * 0.0171
        before = time.time() + wanted
        stated = moment(form, reset_headers(settings, wanted, refused=True)[NAME])
        assert stated >= before - 1e-6
        assert stated <= time.time() + wanted + FORMS[form] + 1e-6


@pytest.mark.parametrize("form", FORMS)
def test_who_comes_at_the_stated_moment_is_let_in(sandbox: SandboxProcess, form: str) -> None:
    sandbox.change(rpm=1, window_seconds=0.4, reset_format=form)
    until_refused = [sandbox.call() for _ in range(2)]
    answer = until_refused[-1]
    while answer.status_code != 429:
        answer = sandbox.call()
    time.sleep(max(0.0, moment(form, answer.headers[NAME]) - time.time()))
    assert sandbox.call().status_code == 200


def test_an_offset_moves_the_stated_reset_alone(sandbox: SandboxProcess) -> None:
    for offset in (-86_400, 600.5, 86_400):
        sandbox.change(reset_offset=offset, rpm=5, window_seconds=100)
        answer = sandbox.call()
        stated = moment("iso", answer.headers[NAME])
        assert 0 < stated - offset - time.time() <= 100.01
        assert abs(date_of(answer) - time.time()) < 3


@pytest.mark.parametrize("offset", [-86_400, -90, 0, 3_600.5])
def test_a_skewed_clock_shows_in_date_and_reset_and_not_in_the_ledger(
    sandbox: SandboxProcess, offset: float
) -> None:
    sandbox.change(clock_offset=offset)
    answer = sandbox.call()
    now = time.time()
    assert date_of(answer) == pytest.approx(now + offset, abs=2.1)
    assert 0 < moment("iso", answer.headers[NAME]) - offset - now <= 60.01
    assert sandbox.ledger()[0]["received_at"] == pytest.approx(now, abs=5)
    for path in ("/v1/get-user-credits", "/v1/none", "/nothing", "/_sandbox/settings"):
        other = sandbox.http.get(path, headers={"x-api-key": KEY})
        assert date_of(other) == pytest.approx(now + offset, abs=5)


def date_of(answer: httpx.Response) -> float:
    (text,) = answer.headers.get_list("date")
    return moment("http_date", text)


def test_a_fault_may_state_its_own_date(sandbox: SandboxProcess) -> None:
    date = "Thu, 01 Jan 1970 00:00:00 GMT"
    sandbox.faults({"effect": {"kind": "status", "status": 502, "headers": {"Date": date}}})
    assert sandbox.call().headers.get_list("date") == [date]


@pytest.mark.parametrize(
    ("setting", "shown"),
    [("always", [True, True]), ("on_429", [False, True]), ("never", [False, False])],
)
def test_which_answers_state_a_reset(
    sandbox: SandboxProcess, setting: str, shown: list[bool]
) -> None:
    sandbox.change(rpm=1, window_seconds=1500, reset_header=setting)
    answers = [sandbox.call(), sandbox.call()]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert [NAME in answer.headers for answer in answers] == shown
