"""The tests of somebody's app: run by a pytest of their own, in `test_client_plugin`."""

import json
from pathlib import Path

import pytest

from segq_client import Client, JobFailedError, JobInDoubtError, StillWaitingError
from segq_client.testing import Sandbox, SegqServer

PHOTO = Path(__file__).parent / "photo.jpg"


def test_a_job_is_made_and_nothing_is_paid(
    segq: Client, segq_server: SegqServer, segq_sandbox: Sandbox, tmp_path: Path
) -> None:
    result = segq.run("ssd-canny", image=PHOTO, prompt="a paper lantern", timeout=30)
    assert result.save(tmp_path / "out.jpg").stat().st_size > 1000
    (call,) = segq_sandbox.calls()
    assert call["inputs"]["prompt"] == "a paper lantern"
    Path("home").write_text(str(segq_server.home))


def test_an_app_is_told_by_its_environment(
    segq_server: SegqServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in segq_server.environment.items():
        monkeypatch.setenv(name, value)
    with Client.from_env() as client:
        assert [job.state for job in client.jobs(state="succeeded")] == ["succeeded"]
    assert "segq_" not in repr(segq_server)


def test_what_was_set_is_set(segq: Client, segq_server: SegqServer) -> None:
    assert segq.account()["accounts"][0]["limit"]["configured"] == 50000
    run = json.loads((segq_server.home / "run.json").read_text())
    Path("pids").write_text(json.dumps(run["processes"]))


def test_a_parameter_that_segmind_refuses(segq: Client, segq_sandbox: Sandbox) -> None:
    segq_sandbox.fault("status", status=400, error="no such style", match={"prompt": "bad"})
    with pytest.raises(JobFailedError) as error:
        segq.run("ssd-1b", prompt="a bad prompt", timeout=30)
    assert (error.value.kind, error.value.message) == ("invalid_input", "no such style")
    assert segq.run("ssd-1b", prompt="a good prompt", timeout=30).job.state == "succeeded"


def test_an_answer_that_is_lost(segq: Client, segq_sandbox: Sandbox) -> None:
    segq_sandbox.settings(history_missing=1)
    segq_sandbox.fault("reset", runs=True)
    with pytest.raises(JobInDoubtError) as error:
        segq.run("ssd-1b", prompt="tea", timeout=30)
    assert error.value.kind == "connection_lost"
    assert "segq looks for the call" in (error.value.advice or "")


def test_a_key_that_is_refused_pauses_the_account(segq: Client, segq_sandbox: Sandbox) -> None:
    segq_sandbox.fault("status", status=401, count=None)
    job = segq.submit("ssd-1b", {"prompt": "tea"})
    with pytest.raises(StillWaitingError):
        segq.wait(job.id, timeout=2)
    assert segq.get(job.id).waiting_for == "paused"


def test_a_model_that_is_forbidden_pauses(segq: Client, segq_sandbox: Sandbox) -> None:
    segq_sandbox.fault("status", status=403, count=None)
    with pytest.raises(StillWaitingError):
        segq.run("ssd-canny", image=PHOTO, prompt="tea", timeout=2)


def test_slow_calls(segq: Client, segq_sandbox: Sandbox) -> None:
    segq_sandbox.settings(latency={"median": 5, "sigma": 0})
    with pytest.raises(StillWaitingError):
        segq.run("ssd-1b", prompt="tea", timeout=1)


def test_and_each_of_them_ended_with_its_test(segq: Client, segq_sandbox: Sandbox) -> None:
    assert segq_sandbox.calls() == []
    segq.run("ssd-canny", image=PHOTO, prompt="tea", timeout=30)
    segq.run("ssd-1b", prompt="tea", timeout=30)


def test_what_the_sandbox_does_not_take_is_said(segq_sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        segq_sandbox.fault("flood")
    with pytest.raises(ValueError, match="Unknown setting: speeed"):
        segq_sandbox.settings(speeed=3)
