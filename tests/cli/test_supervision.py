"""Children that die are started again; the end comes in order and leaves nothing."""

import os
import signal
from collections.abc import Callable

from tests.cli.conftest import Toy, lives
from tests.systems.processes import is_gone, wait_until

DIES = "print('about to\\nfall over', flush=True); raise SystemExit(7)"
# Ready first, then dead: the start is over, and what follows is keeping alive.
DIES_LATER = """
import os, pathlib, time
home = pathlib.Path(os.environ["HOME_OF_TEST"])
(home / "ready-{name}").touch()
while not (home / "fall").exists():
    time.sleep(0.01)
print("fell over", flush=True)
raise SystemExit(7)
"""
STUBBORN = """
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
(pathlib.Path(os.environ["HOME_OF_TEST"]) / "ready-stubborn").touch()
while True:
    time.sleep(60)
"""


def stubborn(patience: float) -> dict[str, object]:
    return {"name": "stubborn", "code": STUBBORN, "marks": True, "patience": patience}


def test_a_killed_child_is_started_again_and_the_pids_follow(toy: Callable[..., Toy]) -> None:
    system = toy(lives("one"), lives("two"))
    before = system.pids
    os.kill(before["one"], signal.SIGKILL)
    wait_until(lambda: system.pids["one"] != before["one"], "a new pid")
    assert system.pids["two"] == before["two"]
    (line,) = [line for line in system.said if line != "ready"]
    assert "one ended (killed by SIGKILL" in line
    assert "again in 0.5 s" in line
    assert str(system.home / "one.log") in line


def test_the_same_reason_is_said_once_however_often_it_dies(toy: Callable[..., Toy]) -> None:
    system = toy({"name": "weak", "code": DIES_LATER.replace("{name}", "weak"), "marks": True})
    (system.home / "fall").touch()
    lines = system.home / "weak.log"
    wait_until(lambda: lines.read_text().count("fell over") == 3, "three lives")
    said = [line for line in system.said if "weak ended" in line]
    assert len(said) == 1
    assert "exit code 7, last said: fell over" in said[0]


def test_ctrl_c_ends_the_stages_in_order(toy: Callable[..., Toy]) -> None:
    system = toy(
        lives("redis", stop_stage=3),
        lives("worker", stop_stage=1, after=["redis"]),
        lives("gateway", stop_stage=0, after=["redis"]),
        lives("sandbox", stop_stage=2),
    )
    children = system.pids
    assert system.end(signal.SIGINT) == 0
    assert system.order == ["gateway", "worker", "sandbox", "redis"]
    assert all(is_gone(pid) for pid in children.values())


def test_a_terminals_ctrl_c_reaches_no_child(toy: Callable[..., Toy]) -> None:
    system = toy(lives("one"))
    assert os.getsid(system.pids["one"]) == system.pids["one"]


def test_a_child_that_does_not_end_is_killed_after_its_patience(toy: Callable[..., Toy]) -> None:
    system = toy(stubborn(patience=0.2), lives("redis", stop_stage=1))
    children = system.pids
    assert system.end(signal.SIGTERM) == 0
    assert system.order == ["redis"]
    assert all(is_gone(pid) for pid in children.values())


def test_a_second_ctrl_c_ends_at_once(toy: Callable[..., Toy]) -> None:
    system = toy(stubborn(patience=3600), lives("first"))
    children = system.pids
    system.popen.send_signal(signal.SIGINT)
    wait_until(lambda: system.order == ["first"], "the stop has begun")
    assert system.end(signal.SIGINT) == 0
    assert all(is_gone(pid) for pid in children.values())
    # Its patience is a worker's: it may have had a call to finish.
    (line,) = [line for line in system.said if "cut off" in line]
    assert line.startswith("stubborn ")
    assert "in doubt" in line


def test_a_second_sigterm_is_no_hurry(toy: Callable[..., Toy]) -> None:
    system = toy(stubborn(patience=3600), lives("first"))
    system.popen.send_signal(signal.SIGTERM)
    wait_until(lambda: system.order == ["first"], "the stop has begun")
    system.popen.send_signal(signal.SIGTERM)
    # Said some seconds into a stop: by then the second signal has long been seen.
    system.wait_said("waiting up to 3600 s for stubborn")
    assert not is_gone(system.pids["stubborn"])
    system.end(signal.SIGINT)


def test_a_killed_supervisor_leaves_nothing(toy: Callable[..., Toy]) -> None:
    system = toy(lives("one"), lives("two"))
    children = system.pids
    system.end(signal.SIGKILL)
    wait_until(lambda: all(is_gone(pid) for pid in children.values()), "children gone")
    assert sorted(system.order) == ["one", "two"]  # asked to end, not killed


def test_a_start_that_fails_says_why_and_leaves_nothing(toy: Callable[..., Toy]) -> None:
    system = toy(lives("redis"), {"name": "prepare", "code": DIES, "once": True}, ready=False)
    assert system.popen.wait(timeout=20) == 1
    assert system.said[-1].startswith("failed: prepare ended (exit code 7, last said: fall over;")


def test_a_child_waits_for_what_it_needs(toy: Callable[..., Toy]) -> None:
    step = "import os, pathlib; pathlib.Path(os.environ['HOME_OF_TEST'], 'done').touch()"
    needs = "import pathlib; assert pathlib.Path('done').exists(), 'too early'\n"
    late = lives("late", after=["step"])
    system = toy(
        {"name": "step", "code": step, "once": True}, {**late, "code": needs + late["code"]}
    )
    assert list(system.pids) == ["late"]


def test_a_stop_during_the_start_ends_what_has_started(toy: Callable[..., Toy]) -> None:
    never = "import time\nwhile True: time.sleep(60)"
    system = toy(
        lives("one"), {"name": "never", "code": never, "marks": True, "after": ["one"]}, ready=False
    )
    wait_until((system.home / "never.log").exists, "the second child")
    assert system.end(signal.SIGTERM) == 0
    assert system.order == ["one"]
    assert "ready" not in system.said


def test_a_large_log_is_put_aside_at_a_start(toy: Callable[..., Toy]) -> None:
    # Two lives, the second after the first has written more than the limit.
    code = DIES_LATER.replace("{name}", "loud").replace(
        'print("fell over", flush=True)', 'print("x" * 11_000_000, flush=True)'
    )
    system = toy({"name": "loud", "code": code, "marks": True})
    (system.home / "fall").touch()
    aside = system.home / "loud.log.1"
    wait_until(aside.exists, "the old log")
    assert aside.stat().st_size > 10_000_000
