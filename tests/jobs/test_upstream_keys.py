import pytest

from jobs.errors import InvalidSetting
from jobs.upstream_keys import fingerprint, given_keys


def test_keys_have_the_names_of_their_accounts() -> None:
    several = "# a second plan\nsecond=SG_2, third = SG_3\n\n  # nothing\nfourth=a=b\n"
    assert given_keys(" SG_1\n", several) == {
        "default": "SG_1",
        "second": "SG_2",
        "third": "SG_3",
        "fourth": "a=b",
    }
    assert given_keys(None, "default=SG_1") == {"default": "SG_1"}
    assert given_keys("", " ,\n") == {}


@pytest.mark.parametrize(
    ("one", "several", "said"),
    [
        ("SG canary", None, "printable ASCII"),
        (None, "SG_canary", "number 1 is not"),
        (None, "a=SG_1,Second=SG_canary", "number 2 is not"),
        (None, "a=SG_1,b=", "number 2 is not"),
        (None, "a=SG_canary x", "number 1 is not"),
        ("SG_canary", "default=SG_1", "the name of default is not"),
        ("SG_canary", "second=SG_canary", "the key of second is not"),
        (None, "a=SG_canary,b=SG_canary", "the key of b is not"),
    ],
)
def test_what_is_no_list_of_keys_is_refused_and_not_shown(
    one: str | None, several: str | None, said: str
) -> None:
    with pytest.raises(InvalidSetting, match=said) as caught:
        given_keys(one, several)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "shown"),
    [("SG_0123456789abcdef", "cdef"), ("12345678", "78"), ("abc", ""), ("abcd", "d")],
)
def test_a_fingerprint_is_a_quarter_of_a_key_at_the_most(key: str, shown: str) -> None:
    assert fingerprint(key) == shown
