"""`segq batch results --out` into folders where somebody else was or is."""

import hashlib
import json
from pathlib import Path
from typing import Any

from cli.batch.records import Records
from tests.cli.test_commands import segq
from tests.client.scripted_gateway import Answer, scripted

A, B = "a" * 36, "b" * 36
IMAGES = {A: b"\xff\xd8\xff of a", B: b"\xff\xd8\xff of b"}


def results(batch: str) -> Answer:
    image = IMAGES[batch]
    output = {
        "url": "/image",
        "content_type": "image/jpeg",
        "bytes": len(image),
        "sha256": hashlib.sha256(image).hexdigest(),
    }
    found = {"custom_id": "line-1", "position": 0, "job_id": f"j{batch}", "state": "succeeded"}
    line = {**found, "cost": "0", "outputs": [output]}
    return Answer(200, raw=json.dumps(line).encode() + b"\n")


def fetch(folder: Path, batch: str, code: int) -> Any:
    with scripted(results(batch), Answer(200, raw=IMAGES[batch])) as (url, _):
        where = {"SEGQ_URL": url, "SEGQ_API_KEY": "segq_x"}
        done = segq("batch", "results", batch, "--out", "out", "--json", cwd=folder, **where)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def test_two_batches_in_one_folder_keep_their_images(tmp_path: Path) -> None:
    assert fetch(tmp_path, A, 0)["images"] == 1
    before = (tmp_path / "out" / "manifest.jsonl").read_bytes()
    told = fetch(tmp_path, B, 3)
    assert f"line of this name of batch {A}" in told["unsaved"]["line-1"]
    assert (tmp_path / "out" / "line-1.jpg").read_bytes() == IMAGES[A]
    assert (tmp_path / "out" / "manifest.jsonl").read_bytes() == before
    assert fetch(tmp_path, A, 0)["images"] == 1


def test_a_folder_where_a_run_is_at_work_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with Records(tmp_path / "out").held():
        assert "another `segq batch` is at work in out" in fetch(tmp_path, A, 1)
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
