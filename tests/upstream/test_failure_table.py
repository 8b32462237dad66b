import pytest

from jobs.failures import FailureKind
from upstream import failure_table, words_of_406
from upstream.failure_table import kind_of

LISTED = {
    400: FailureKind.INVALID_INPUT,
    401: FailureKind.UNAUTHORIZED,
    403: FailureKind.FORBIDDEN,
    404: FailureKind.MODEL_NOT_FOUND,
    405: FailureKind.BAD_REQUEST_FORM,
    406: FailureKind.INVALID_INPUT,
    410: FailureKind.MODEL_RETIRED,
    422: FailureKind.INVALID_INPUT,
    429: FailureKind.RATE_LIMITED,
    500: FailureKind.UPSTREAM_ERROR,
    502: FailureKind.GATEWAY_ERROR,
    503: FailureKind.GATEWAY_ERROR,
    504: FailureKind.GATEWAY_ERROR,
}
"""Written out from the documentation, not read from the table."""


def test_every_status_of_the_documentation_is_mapped() -> None:
    assert {status: kind_of(status, "") for status in LISTED} == LISTED
    assert set(failure_table.BY_STATUS) == set(LISTED)


def test_every_kind_is_reached_from_here_but_those_that_only_a_worker_can_see() -> None:
    reached = {kind_of(status, "") for status in range(100, 1000) if status // 100 != 2}
    reached |= {kind for _, kind in words_of_406.WORDS}
    reached |= failure_table.WITHOUT_A_STATUS | failure_table.OF_A_RECORD
    assert reached == set(FailureKind) - {FailureKind.WORKER_LOST, FailureKind.NOT_KEPT}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, FailureKind.BAD_REQUEST_FORM),
        (307, FailureKind.BAD_REQUEST_FORM),
        (402, FailureKind.REFUSED),
        (413, FailureKind.REFUSED),
        (451, FailureKind.REFUSED),
        (501, FailureKind.GATEWAY_ERROR),
        (520, FailureKind.GATEWAY_ERROR),
        (101, FailureKind.GATEWAY_ERROR),
        (600, FailureKind.GATEWAY_ERROR),
        (999, FailureKind.GATEWAY_ERROR),
    ],
)
def test_statuses_that_nobody_lists(status: int, kind: FailureKind) -> None:
    assert kind_of(status, "Insufficient credits") is kind


def test_every_status_has_a_meaning_in_words() -> None:
    assert all(failure_table.meaning(status) for status in range(100, 1000))
