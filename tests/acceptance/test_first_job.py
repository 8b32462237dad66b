import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from segq_client import ProblemError
from tests.faults.checker import assert_promises_kept
from tests.systems.jobs_at_work import (
    all_ended,
    states,
    submit,
    wait_for_states,
)
from tests.systems.processes import ROOT, project_environment, wait_until
from tests.systems.running_system import System, run_segq
from tests.systems.targets import ON_ITS_OWN_PARTS, Stores

Start = Callable[..., System]
FAST = {"median": 0.2, "sigma": 0.1}
EXAMPLE = json.loads((ROOT / "examples" / "seed-request.json").read_text())


@ON_ITS_OWN_PARTS
def test_the_published_example_is_sent_upstream_with_every_value_unchanged(
    system: Start, tmp_path: Path
) -> None:
    one = system()
    one.settings(latency=FAST)
    job = one.client.submit("ssd-canny", EXAMPLE)
    assert {name: job.raw["input"][name] for name in EXAMPLE} == EXAMPLE
    ended = one.client.wait(job.id, timeout=30)
    assert (ended.state, ended.raw["cost"], ended.raw["seed"]) == ("succeeded", "0.006", 760941192)
    (call,) = one.ledger()
    sent = {name: value for name, value in call["inputs"].items() if name != "image"}
    assert sent == {name: value for name, value in EXAMPLE.items() if name != "image"}
    (output,) = ended.outputs
    saved = one.client.save(output, tmp_path / "image.jpg")
    with Image.open(io.BytesIO(saved.read_bytes())) as image:
        assert (image.format, image.size) == ("JPEG", (output.width, output.height))
    assert_promises_kept(one, [job.id])


def test_an_uploaded_photograph_arrives_as_its_own_bytes(system: Start) -> None:
    one = system()
    one.settings(latency=FAST)
    reference = one.client.upload(ROOT / "examples" / "images" / "chelsea.jpg")
    job = one.client.submit("ssd-canny", {"image": reference, "prompt": "a cat", "samples": 2})
    ended = one.client.wait(job.id, timeout=30)
    assert (ended.state, len(ended.outputs), ended.raw["cost"]) == ("succeeded", 2, "0.012")
    # A cat of 640 x 425 comes back with its own edges: the sandbox paints in the input's shape.
    width, height = ended.outputs[0].width, ended.outputs[0].height
    assert width is not None
    assert height is not None
    assert width > height
    assert_promises_kept(one, [job.id])


def test_run_makes_one_image_and_starts_what_is_not_running(system: Start, tmp_path: Path) -> None:
    one = system()
    one.settings(latency=FAST)
    photograph = ROOT / "examples" / "images" / "coffee.jpg"
    words = ["run", "ssd-canny", "--image", str(photograph), "--prompt", "tea", "--seed", "7"]
    done = one.segq(*words, "--out", "made.jpg")
    assert done.returncode == 0, done.stderr
    with Image.open(one.folder / "made.jpg") as image:
        image.load()
    told = json.loads(one.segq(*words, "--out", "told.jpg", "--json").stdout)
    assert (told["files"], told["job"]["state"]) == (["told.jpg"], "succeeded")
    refused = one.segq(*words, "--samples", "9", "--out", "never.jpg")
    assert refused.returncode == 1
    assert "input.samples" in refused.stderr
    assert "from 1 to 4" in refused.stderr
    assert not (one.folder / "never.jpg").exists()


def test_the_demo_leaves_an_image_for_each_job(stores: Stores, tmp_path: Path) -> None:
    home = tmp_path / "demo"
    settings = {"SEGQ_HOME": str(home), "SEGQ_PORT": "0", **stores(home)}
    environment = project_environment(**settings)
    done = run_segq(["demo", "--exit"], tmp_path, environment, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    made = sorted((tmp_path / "out").iterdir())
    assert len(made) == 1 + len(list((ROOT / "examples" / "images").glob("*.jpg")))
    for path in made:
        with Image.open(path) as image:
            image.load()
    assert not (tmp_path / "demo" / "run.json").exists()


@ON_ITS_OWN_PARTS
def test_a_bad_request_names_every_wrong_field_and_costs_nothing(system: Start) -> None:
    one = system()
    with pytest.raises(ProblemError) as caught:
        one.client.submit("ssd-canny", {"prompt": "", "samples": 5}, priority="urgent")
    assert {problem.field for problem in caught.value.errors} == {
        "input.image", "input.prompt", "input.samples", "priority",
    }  # fmt: skip
    assert one.sql("SELECT count(*) AS jobs FROM jobs") == [{"jobs": 0}]


@ON_ITS_OWN_PARTS
def test_two_systems_live_side_by_side(system: Start) -> None:
    one, other = system(), system()
    for each in (one, other):
        each.settings(latency=FAST)
        (job,) = submit(each, 1)
        assert each.client.wait(job, timeout=30).state == "succeeded"
    assert len(one.ledger()) == len(other.ledger()) == 1


def test_what_is_scheduled_runs_when_its_time_has_come_and_not_before(system: Start) -> None:
    one = system()
    one.settings(latency=FAST)
    (later,) = submit(one, 1, run_at="2100-01-01T00:00:00Z")
    assert one.client.get(later).state == "scheduled"
    assert one.client.cancel(later).state == "canceled"
    (late,) = submit(one, 1, run_at="2100-01-01T00:00:00Z", finish_by="2100-01-01T00:00:01Z")
    one.sql("UPDATE jobs SET run_at = created_at, finish_by = created_at WHERE state = 'scheduled'")
    assert one.client.wait(late, timeout=20).state == "expired"


def test_a_rate_limit_pauses_the_account_and_costs_no_attempt(system: Start) -> None:
    one = system(SEGMIND_RPM="6000", SEGMIND_WINDOW="4")
    one.settings(latency=FAST, rpm=5, window_seconds=4)
    ids = submit(one, 12)
    seen: set[str | None] = set()

    def watch() -> bool:
        jobs = [one.client.get(job) for job in ids]
        seen.update(job.raw["waiting_for"] for job in jobs)
        return all(job.state == "succeeded" for job in jobs)

    wait_until(watch, "all jobs succeeded", timeout=60)
    assert "rate_limit" in seen
    assert {job.raw["attempts"] for job in all_ended(one, ids)} == {1}
    refused = [row for row in one.ledger() if row["status"] == 429]
    assert refused
    assert sum(row["status"] == 200 for row in one.ledger()) == 12


def test_a_stop_lets_calls_in_flight_end(system: Start) -> None:
    one = system(SEGMIND_RPM="6000")
    one.settings(latency={"median": 5.0, "sigma": 0.01})
    submit(one, 60)  # more than there are slots: none of the waiting ones may start after the stop
    wait_for_states(one, running=30)
    calls_before = len(one.ledger())
    done = one.segq("down")
    assert done.returncode == 0, done.stderr
    found = states(one)
    # What was claimed but not yet sent when the stop came is scheduled again, unspent.
    assert set(found) <= {"succeeded", "queued", "scheduled"}
    assert found["queued"] >= 20
    assert found["succeeded"] <= calls_before + 2
