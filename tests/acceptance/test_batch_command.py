"""`segq batch run` against a whole system: what it makes, what it pays, and what it survives."""

import json
import os
import pty
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.acceptance.page_of_commands import difference, run_page, steps_of
from tests.systems.processes import ROOT, wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]
FAST = {"median": 0.3, "sigma": 0.1}
PHOTOGRAPHS = ROOT / "examples" / "images"
SEEN = ("coffee", "chelsea", "rocket")


def batch_run(one: System, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = one.segq("batch", "run", *words)
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def started(
    one: System, words: list[str], stdout: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "cli", "batch", "run", *words],
        cwd=one.folder,
        env=one.environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def manifest(folder: Path) -> list[dict[str, Any]]:
    """Its whole lines; a killed command may have left a half one."""
    path = folder / "manifest.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def paid(one: System) -> list[dict[str, Any]]:
    return [row for row in one.ledger() if row["cost"] and Decimal(row["cost"])]


def photographs(folder: Path, names: tuple[str, ...] = SEEN) -> Path:
    folder.mkdir()
    for name in names:
        (folder / f"{name}.jpg").write_bytes((PHOTOGRAPHS / f"{name}.jpg").read_bytes())
    return folder


def assert_all_are_images(out: Path, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        (file,) = entry["files"]
        assert (out / file["path"]).stat().st_size == file["bytes"]
        with Image.open(out / file["path"]) as image:
            image.load()


def test_every_example_of_its_page_does_what_the_page_says(system: Start) -> None:
    one = system()
    one.settings(latency=FAST)
    page = (ROOT / "docs" / "batch-command.md").read_text()
    segq = f'segq() {{ "{sys.executable}" -P -m cli "$@"; }}\n'
    page = page.replace("./segq ", "segq ").replace("examples/images", str(PHOTOGRAPHS))
    first, *others = steps_of(page)
    steps = [type(first)(segq + first.command, first.expected), *others]
    assert len(steps) >= 6
    outputs = run_page(steps, one.folder, one.environment)
    for step, output in zip(steps, outputs, strict=True):
        if step.expected is not None:
            wrong = difference(step.expected, json.loads(output))
            assert wrong is None, f"{step.command}{wrong}\n{output}"


@ON_ITS_OWN_PARTS
def test_photographs_and_a_matrix_become_a_folder_of_images(system: Start) -> None:
    one = system()
    one.settings(latency=FAST)
    photographs(one.folder / "photos")
    words = ["--images", "photos", "--model", "ssd-canny", "--set", "prompt=a watercolour"]
    words += ["--matrix", "seed=1,2", "--out", "out", "--yes"]
    done = batch_run(one, *words)
    assert "6 jobs: $0.036" in done.stderr
    out = one.folder / "out"
    entries = manifest(out)
    assert [entry["custom_id"] for entry in entries] == [
        f"{name}-seed{n}" for name in sorted(SEEN) for n in (1, 2)
    ]
    assert [entry["position"] for entry in entries] == [0, 1, 2, 3, 4, 5]
    assert_all_are_images(out, entries)
    assert len(paid(one)) == 6
    assert sum(Decimal(entry["cost"]) for entry in entries) == Decimal("0.036")
    assert sum(Decimal(row["cost"]) for row in paid(one)) == Decimal("0.036")
    with Image.open(out / "contact-sheet.jpg") as image:
        image.load()
    assert one.sql("SELECT count(*) AS images FROM inputs") == [{"images": 3}]

    times = {path: path.stat().st_mtime_ns for path in out.glob("*.jpg")}
    again = batch_run(one, *words, "--json")
    assert json.loads(again.stdout)["states"] == {"succeeded": 6}
    assert "all of it has ended before" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.jpg")} == times
    assert len(paid(one)) == 6
    assert len(list(one.client.batches.all())) == 1

    assert one.segq("batch", "watch", "last").returncode == 0
    fetched = one.segq("batch", "results", "last", "--out", "fetched", "--json")
    assert json.loads(fetched.stdout)["images"] == 6
    assert_all_are_images(one.folder / "fetched", manifest(one.folder / "fetched"))
    rows = one.segq("batch", "results", "last", "--format", "csv").stdout.splitlines()
    assert [row.split(",")[0] for row in rows] == ["custom_id", *(e["custom_id"] for e in entries)]

    (out / "coffee-seed1.jpg").unlink()
    batch_run(one, *words)
    assert_all_are_images(out, manifest(out))
    assert len(paid(one)) == 6


@ON_ITS_OWN_PARTS
def test_killed_at_any_moment_it_goes_on_and_does_nothing_twice(system: Start) -> None:
    one = system(SEGQ_WORKERS="1", SEGQ_SLOTS="4")
    one.settings(latency={"median": 2.0, "sigma": 0.3})
    photographs(one.folder / "photos", ("coffee", "chelsea"))
    words = ["--images", "photos", "--model", "ssd-canny", "--set", "prompt=x", "--matrix"]
    words += ["seed=1..20", "--out", "out", "--yes"]
    out = one.folder / "out"
    moments = random.Random(20261126)
    saved = []
    out.mkdir()
    (out / ".coffee-seed1.jpg.0123abcd").write_text("what a killed one was writing")
    for _ in range(5):
        with started(one, words) as process:
            wait_until(partial(_holds, process.pid, out), "it has begun", timeout=60)
            time.sleep(moments.uniform(0, 2.5))
            assert process.poll() is None, process.communicate()
            process.kill()
        saved.append(len(manifest(out)))
    assert saved[-1] < 40, "nothing was left for the last run"
    batch_run(one, *words)
    entries = manifest(out)
    assert len(entries) == 40
    assert len({entry["custom_id"] for entry in entries}) == 40
    assert len({entry["job_id"] for entry in entries}) == 40
    assert {entry["state"] for entry in entries} == {"succeeded"}
    assert_all_are_images(out, entries)
    assert {path.name for path in out.iterdir()} == {
        *("manifest.jsonl", "contact-sheet.jpg", ".segq-batch"),
        *(file["path"] for entry in entries for file in entry["files"]),
    }
    assert len(paid(one)) == 40
    assert [batch.jobs for batch in one.client.batches.all()] == [40]


@ON_ITS_OWN_PARTS
def test_what_is_wrong_is_told_with_its_place_and_nothing_is_sent(system: Start) -> None:
    one = system()
    photographs(one.folder / "photos")
    whole = (one.folder / "photos" / "rocket.jpg").read_bytes()
    (one.folder / "photos" / "rocket.jpg").write_bytes(whole[:-5000])

    def told(content: bytes, *words: str) -> str:
        (one.folder / "list.csv").write_bytes(content)
        options = ("--model", "ssd-canny", "--out", "out", "--yes", *words)
        done = batch_run(one, "list.csv", *options, code=1)
        assert done.stdout == ""
        return done.stderr

    assert "list.csv: is empty" in told(b"")
    assert "line 1: column 'promt': is no parameter" in told(b"image,promt\nhttps://h/a,b\n")
    assert "line 3: is no CSV: unexpected end" in told(b'image,prompt\nx,y\n"a,b\n')
    assert "line 2: byte 6 of the line is not UTF-8" in told(b"image,prompt\nx,caf\xe9\n")
    twice = told(b"custom_id,prompt\r\na,b\r\na,c\r\n")
    assert "line 3: custom_id: 'a' is the name of list.csv: line 2 already" in twice
    images = b"\xef\xbb\xbfimage,prompt\r\ncoffee.jpg,a\r\nrocket.jpg,a\r\ngone.jpg,a\r\n"
    bad = told(images, "--images", "photos")
    assert "list.csv: line 3: image: " in bad
    assert "rocket.jpg: is no whole JPEG" in bad
    assert "list.csv: line 4: image: there is no file photos/gone.jpg or gone.jpg" in bad
    wrong_names = told(b"custom_id,prompt,image\n../up,a,https://h/a\n")
    assert "line 2: its image cannot be called '../up.jpg'" in wrong_names
    asked = one.segq("batch", "run", "--images", "photos", "--model", "ssd-canny", "--set", "prompt=x",
                     "--skip-bad", "--out", "out")  # fmt: skip
    assert asked.returncode == 1
    assert "2 jobs: $0.012" in asked.stderr
    assert "`--yes` agrees to that" in asked.stderr
    assert list(one.client.batches.all()) == []
    assert one.sql("SELECT count(*) AS images FROM inputs") == [{"images": 0}]


@ON_ITS_OWN_PARTS
def test_an_edited_list_is_told_apart_and_only_what_is_new_is_sent(system: Start) -> None:
    one = system()
    one.settings(latency=FAST)
    list_ = one.folder / "list.csv"
    words = ["list.csv", "--model", "ssd-1b", "--out", "out", "--yes"]
    list_.write_text("custom_id,prompt\na,one\nb,two\nc,three\n")
    batch_run(one, *words)
    before = {entry["custom_id"]: entry for entry in manifest(one.folder / "out")}
    list_.write_text("custom_id,prompt\nd,four\nb,2\na,one\n")
    refused = batch_run(one, *words, code=1)
    assert "1 new (d), 1 changed (b), 1 gone (c)" in refused.stderr
    assert "`--add`" in refused.stderr
    assert len(paid(one)) == 3
    batch_run(one, *words, "--add")
    entries = manifest(one.folder / "out")
    assert [entry["custom_id"] for entry in entries] == ["d", "b", "a", "c"]
    found = {entry["custom_id"]: entry for entry in entries}
    same = {name for name in before if found[name]["job_id"] == before[name]["job_id"]}
    assert same == {"a", "c"}
    assert_all_are_images(one.folder / "out", entries)
    assert len(paid(one)) == 5
    assert [batch.jobs for batch in one.client.batches.all()] == [2, 3]
    assert "all of it has ended before" in batch_run(one, *words).stderr

    other = batch_run(one, *words, "--budget", "7", code=1)
    assert "--budget was not given, is 7" in other.stderr
    batch_run(one, *words, "--new")
    assert len(manifest(one.folder / "out")) == 3
    assert len(paid(one)) == 8
    assert (one.folder / "out" / "manifest-1.jsonl").exists()


@ON_ITS_OWN_PARTS
def test_what_fails_and_what_is_not_taken_is_said(system: Start) -> None:
    one = system()
    one.settings(latency=FAST)
    refusal = {"kind": "status", "status": 400, "error": "not this prompt"}
    one.sandbox.faults({"match": {"model": "ssd-1b"}, "count": 1, "effect": refusal})
    (one.folder / "list.jsonl").write_text(
        "".join(
            f'{{"input": {{"prompt": "x", "seed": {seed}}}}}\n' for seed in ("1", "2", '"no"', "3")
        )
    )
    words = ["list.jsonl", "--model", "ssd-1b", "--out", "out", "--yes", "--json"]
    done = batch_run(one, *words, code=3)
    document = json.loads(done.stdout)
    assert document["states"] == {"succeeded": 2, "failed": 1}
    assert sum(document["errors"].values()) == 1
    (rejected,) = document["rejected"]
    assert (rejected["place"], rejected["field"]) == ("list.jsonl: line 3", "line-3")
    assert "input.seed" in rejected["message"]
    assert Counter(len(entry["files"]) for entry in manifest(one.folder / "out")) == {1: 2, 0: 1}
    told = one.segq("jobs", "--batch", "last", "--state", "failed", "--json")
    (job,) = json.loads(told.stdout)
    assert "not this prompt" in one.segq("jobs", "show", job["id"]).stdout
    again = one.segq("batch", "retry", "last")
    assert again.returncode == 0, again.stderr
    assert json.loads(batch_run(one, *words, code=3).stdout)["states"] == {"succeeded": 3}
    assert {len(entry["files"]) for entry in manifest(one.folder / "out")} == {1}

    short = ["list.jsonl", "--model", "ssd-1b", "--out", "short", "--yes", "--budget", "0.009"]
    done = batch_run(one, *short, code=3)
    assert "does not cover all" in done.stderr
    assert "line not taken" in done.stdout or "lines not taken" in done.stdout
    assert len(manifest(one.folder / "short")) == 2
    (one.folder / "short" / "line-1.jpg").unlink()
    again = batch_run(one, *short, code=3)
    assert "1 line not taken (line-4): " in again.stdout
    assert (one.folder / "short" / "line-1.jpg").exists()
    before = len(paid(one))
    used = batch_run(one, *short, "--add", code=3)
    assert "what is left of the budget, $0.001, does not cover all" in used.stderr
    assert len(paid(one)) == before
    batch_run(one, *short[:-1], "1", "--add", code=3)
    assert len(manifest(one.folder / "short")) == 3
    # Once the list is without the line that was rejected, all of it is there.
    good = (one.folder / "list.jsonl").read_text().replace('"no"', "3")
    (one.folder / "list.jsonl").write_text(good)
    batch_run(one, *short[:-1], "1", "--add")


@ON_ITS_OWN_PARTS
def test_a_full_queue_and_a_gateway_that_starts_anew_are_waited_for(system: Start) -> None:
    one = system(SEGQ_WORKERS="1", SEGQ_SLOTS="2")
    one.settings(latency={"median": 1.0, "sigma": 0})
    assert one.segq("tenants", "limits", "default", "--max-queued", "4").returncode == 0
    words = ["--model", "ssd-1b", "--set", "prompt=x", "--matrix", "seed=1..14", "--out", "out"]
    gateway = one.pid("gateway")
    with started(one, [*words, "--yes"]) as process:
        wait_until(lambda: len(manifest(one.folder / "out")) > 0, "one is saved", timeout=60)
        os.kill(gateway, signal.SIGKILL)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert one.wait_restarted("gateway", gateway) != gateway
    assert "the queue is full" in said
    assert "is asked again" in said
    entries = manifest(one.folder / "out")
    assert [entry["custom_id"] for entry in entries] == [f"seed{n}" for n in range(1, 15)]
    assert_all_are_images(one.folder / "out", entries)
    assert len(paid(one)) == 14


@ON_ITS_OWN_PARTS
def test_a_batch_that_stops_after_failures_is_left_until_it_is_resumed(system: Start) -> None:
    one = system(SEGQ_WORKERS="1", SEGQ_SLOTS="1")
    one.settings(latency={"median": 1.0, "sigma": 0})
    refusal = {"kind": "status", "status": 400, "error": "not this prompt"}
    one.sandbox.faults({"match": {"model": "ssd-1b"}, "count": 1, "effect": refusal})
    words = ["--model", "ssd-1b", "--set", "prompt=x", "--matrix", "seed=1..8", "--out", "out"]
    words += ["--stop-after", "1", "--yes"]
    stopped = batch_run(one, *words, code=3)
    assert "`segq batch resume" in stopped.stdout
    assert len(paid(one)) < 7
    assert one.segq("batch", "resume", "last").returncode == 0
    batch_run(one, *words, code=3)
    assert Counter(entry["state"] for entry in manifest(one.folder / "out")) == {
        "failed": 1,
        "succeeded": 7,
    }


@ON_ITS_OWN_PARTS
def test_whoever_sits_at_the_terminal_is_asked_and_sees_it_move(system: Start) -> None:
    one = system()
    one.settings(latency=FAST)
    words = ["--model", "ssd-1b", "--set", "prompt=x", "--matrix", "seed=1..3", "--out", "out"]
    code, said = at_a_terminal(one, words, "n\n")
    assert code == 1
    assert "spend up to $0.012? [y/N]" in said
    assert "nothing was sent" in said
    assert list(one.client.batches.all()) == []
    code, said = at_a_terminal(one, words, "y\n")
    assert code == 0, said
    assert "3 of 3 done" in said
    assert "seed1.jpg" in said
    assert len(manifest(one.folder / "out")) == 3


@ON_ITS_OWN_PARTS
@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_ctrl_c_detaches_and_a_second_one_cancels(system: Start, *, again: bool) -> None:
    one = system()
    one.settings(latency={"median": 3.0, "sigma": 0}, concurrency=2)
    words = ["--model", "ssd-1b", "--set", "prompt=x", "--matrix", "seed=1..30", "--out", "out"]
    with started(one, [*words, "--yes"]) as process:
        wait_until(lambda: _counts(one)["running"] > 0, "a job runs", timeout=60)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        said = ""
        while "Ctrl-C again" not in said:
            said = process.stderr.readline()
        if again:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == (5 if again else 4)
    (batch,) = one.client.batches.all()
    if again:
        assert batch.state in {"canceling", "canceled"}
        batch_run(one, *words, "--yes", code=5)
        entries = manifest(one.folder / "out")
        assert {"succeeded", "canceled"} >= {entry["state"] for entry in entries}
        assert len(entries) == 30
    else:
        assert batch.state == "running"
        assert one.segq("batch", "cancel", batch.id[:18]).returncode == 0


def at_a_terminal(one: System, words: list[str], answer: str) -> tuple[int, str]:
    """What the command ended with, and all that stood on the terminal."""
    own, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "cli", "batch", "run", *words],
        cwd=one.folder,
        env={**one.environment, "TERM": "xterm", "COLUMNS": "150"},
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    said = b""
    with process, suppress(OSError):  # the terminal's end, once the command has ended
        while found := os.read(own, 65536):
            said += found
            if answer and b"[y/N]" in said:
                os.write(own, answer.encode())
                answer = ""
    os.close(own)
    return process.returncode, said.decode()


def _holds(pid: int, out: Path) -> bool:
    """Whether this process is at work on the folder (Linux)."""
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if path.readlink() == out / ".segq-batch" / "lock":
                return True
    return False


def _counts(one: System) -> Counter[str]:
    found: Counter[str] = Counter()
    for batch in one.client.batches.all():
        found.update(batch.counts)
    return found
