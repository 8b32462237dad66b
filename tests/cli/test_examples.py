"""What the demo sends."""

import json

from cli.demo_jobs import EXAMPLES, demo_jobs


def test_one_job_a_photograph_after_the_published_example() -> None:
    first, *rest = demo_jobs()
    assert list(first.input) == [
        "image",
        "prompt",
        "negative_prompt",
        "samples",
        "scheduler",
        "num_inference_steps",
        "guidance_scale",
        "seed",
        "controlnet_scale",
        "base64",
    ]
    assert first.input == json.loads((EXAMPLES / "seed-request.json").read_text())
    photographs = sorted((EXAMPLES / "images").glob("*.jpg"))
    assert [job.photograph for job in rest] == photographs
    assert len({job.title for job in rest} | {first.title}) == len(photographs) + 1
    assert len({job.input["prompt"] for job in rest}) == len(photographs)
