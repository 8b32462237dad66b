"""`segq batch run` that ends before all of its lines are sent."""

import json
import signal
import subprocess

from tests.acceptance.test_batch_command import FAST, Start, batch_run, manifest, started
from tests.systems.targets import ON_ITS_OWN_PARTS


@ON_ITS_OWN_PARTS
def test_ctrl_c_before_all_lines_are_sent_says_how_many_are(system: Start) -> None:
    one = system(SEGQ_WORKERS="1", SEGQ_SLOTS="2")
    one.settings(latency={"median": 5.0, "sigma": 0})
    assert one.segq("tenants", "limits", "default", "--max-queued", "4").returncode == 0
    words = ["--model", "ssd-1b", "--set", "prompt=x", "--matrix", "seed=1..30", "--out", "out"]
    with started(one, [*words, "--yes", "--json"], subprocess.PIPE) as process:
        assert process.stderr is not None
        while "the queue is full" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        told, said = process.communicate(timeout=60)
    assert process.returncode == 4, said
    assert " of 30 lines are sent, and batch " in said
    document = json.loads(told)
    assert (document["exit"], document["batches"][0]["state"]) == (4, "open")

    # What the full queue had taken is this batch's, and no other pays it again.
    assert one.segq("batch", "cancel", "last").returncode == 0
    one.settings(latency=FAST)
    assert one.segq("tenants", "limits", "default", "--max-queued", "100").returncode == 0
    stopped = batch_run(one, *words, "--yes", code=5)
    (batch,) = one.client.batches.all()
    assert f"{30 - batch.jobs} lines not taken (seed{batch.jobs + 1}, " in stopped.stdout
    before = {entry["custom_id"]: entry["job_id"] for entry in manifest(one.folder / "out")}
    assert len(before) == batch.jobs > 0
    all_were_made = batch.counts["succeeded"] == batch.jobs
    batch_run(one, *words, "--yes", "--add", code=0 if all_were_made else 5)
    entries = manifest(one.folder / "out")
    assert before.items() <= {entry["custom_id"]: entry["job_id"] for entry in entries}.items()
    assert [one.jobs for one in one.client.batches.all()] == [30 - batch.jobs, batch.jobs]
    assert len(entries) == 30
