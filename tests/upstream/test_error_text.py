import pytest

from tests.upstream.loopback import KEY
from upstream import error_text
from upstream.key import Key


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error": "Insufficient credits"}', "Insufficient credits"),
        (b'{"error": {"message": "No such scheduler"}}', "No such scheduler"),
        (b'{"error": "", "error_description": "Key is invalid"}', "Key is invalid"),
        (b'{"error": ["seed", "samples"]}', '["seed", "samples"]'),
        (b'{"status": 5}', '{"status": 5}'),
        (b'{"error": ', '{"error":'),
        (b"<html><head><style>a{}</style></head><h1>405</h1>Not\n Allowed", "405 Not Allowed"),
        (b"  Bad \r\n\t gateway ", "Bad gateway"),
        (b"\xff\x00\x1b[31mred", "\N{REPLACEMENT CHARACTER} [31mred"),
        (b'{"error": "lone \\ud800 surrogate"}', "lone surrogate"),
        (b"", ""),
        (b"[" * 100_000, "[" * 299 + "…"),
        (b'{"a":' * 100_000, '{"a":' * 59 + '{"a"…'),
    ],
)
def test_the_words_are_found(body: bytes, text: str) -> None:
    assert error_text.of(body, Key(KEY)) == text


@pytest.mark.parametrize("around", ["{}", '{{"error": "bad {}"}}', "<p>{}</p>"])
@pytest.mark.parametrize("before", [0, 290, 299, 310])
def test_neither_the_key_nor_a_part_of_it_is_kept(around: str, before: int) -> None:
    text = error_text.of(around.format("x " * (before // 2) + KEY + " y").encode(), Key(KEY))
    assert KEY[:8] not in text
    assert len(text) <= error_text.LONGEST
