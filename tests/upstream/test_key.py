import pytest

from jobs.errors import InvalidSetting
from tests.upstream.loopback import KEY
from upstream.key import Key


def test_it_does_not_show_itself() -> None:
    key = Key(f" {KEY}\n")
    assert key.reveal() == KEY
    assert KEY not in f"{key} {key!r} {[key]}"


@pytest.mark.parametrize("text", ["", "  ", f"{KEY}\r\nX-Other: 1", f"{KEY} more", f"{KEY}é"])
def test_what_cannot_stand_in_a_header_is_refused_unseen(text: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Key(text)
    assert KEY not in str(refused.value)
