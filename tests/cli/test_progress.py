import pytest

from cli.progress import LineProgress, Row


def test_why_jobs_wait_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LineProgress()
    for waits in ("", "the key is refused", "the key is refused", ""):
        state = "queued (paused)" if waits else "queued"
        progress.show([Row(title, state, 1.0, waits=waits) for title in ("a", "b")])
    lines = [line.split("s  ")[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        *("a: queued", "b: queued"),
        *("a: queued (paused): the key is refused", "b: queued (paused)"),
        *("a: queued", "b: queued"),
    ]
