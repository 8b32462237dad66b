"""`segq models`, and a run of a model that takes no image."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.models import form_lines, list_lines
from tests.systems.processes import project_environment
from tests.systems.running_system import System, run_segq, start_system, stop_system

MODEL: dict[str, Any] = {
    "slug": "made-up",
    "name": "Made up",
    "description": "Nobody has it, and everybody wants it.",
    "price": {"amount": "0.25", "currency": "USD", "per": "tile", "times": "tiles"},
    "typical_seconds": 61.26,
    "input_schema": {
        "properties": {
            "start_image": {"type": "string", "format": "uri", "description": "Where to begin."},
            "tiles": {"type": "integer", "default": 2, "minimum": 1, "maximum": 9},
            "side": {"type": "integer", "default": 512, "minimum": 512, "maximum": 512},
            "style": {"type": "string", "enum": ["ink", "oil"], "description": "How."},
            "words": {"type": "string", "maxLength": 10_000},
            "weight": {"type": "number", "minimum": 0},
            "haste": {"type": "number", "maximum": 1.5},
            "tiled": {"type": "boolean", "default": False},
        },
        "required": ["start_image", "words"],
    },
    "example": {"start_image": "https://example.org/a.png", "words": "it's", "tiles": 2},
}
FORM = """\
Made up (made-up): $0.25 a tile, typically 61.3 s a call
Nobody has it, and everybody
wants it.

  --start-image  image    required
      Where to begin.
  --tiles        integer  default 2
      Allowed: 1 to 9
  --side         integer  default 512
      Allowed: only 512
  --style        string   optional
      How.
      Allowed: ink, oil
  --words        string   required
      Allowed: at most 10,000 characters
  --weight       number   optional
      Allowed: at least 0
  --haste        number   optional
      Allowed: at most 1.5
  --tiled        boolean  default false

segq run made-up --start-image https://example.org/a.png --words 'it'"'"'s'"""


def test_a_form_shows_every_parameter_and_a_command() -> None:
    assert "\n".join(form_lines(MODEL, 30)) == FORM


def test_models_stand_in_columns() -> None:
    other = {**MODEL, "slug": "x", "price": {"amount": "1", "per": "call"}, "typical_seconds": 2}
    assert list_lines([MODEL, other]) == [
        "made-up  $0.25 a tile  61.3 s  Nobody has it, and everybody wants it.",
        "x        $1 a call     2.0 s   Nobody has it, and everybody wants it.",
    ]
    assert list_lines([]) == []


def test_where_nothing_runs_it_says_what_to_do(tmp_path: Path) -> None:
    done = run_segq(["models"], tmp_path, project_environment())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"segq: nothing runs in {tmp_path / '.segq'}: start it with `segq up --detach`\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("models")
    home = folder / ".segq"
    started = start_system(
        folder, home, project_environment(SEGQ_HOME=str(home), SEGQ_PORT="0", COLUMNS="80")
    )
    started.settings(latency={"median": 0.05, "sigma": 0.0})
    yield started
    stop_system(started)


def test_a_running_system_lists_its_models(system: System) -> None:
    done = system.segq("models")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert re.match(r"ssd-1b +\$0\.004 a sample +2\.8 s +\w", lines["ssd-1b"])
    assert re.match(r"ssd-canny +\$0\.006 a sample +5\.9 s +\w", lines["ssd-canny"])


def test_a_running_system_shows_a_models_form(system: System) -> None:
    done = system.segq("models", "ssd-canny")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "  --image                image    required" in lines
    assert "  --controlnet-scale     number   default 0.5" in lines
    assert lines[-1].startswith("segq run ssd-canny --image https://")
    unknown = system.segq("models", "sdxl")
    assert unknown.returncode == 1
    assert "no model 'sdxl'; there are: ssd-1b, ssd-canny" in unknown.stderr
    assert unknown.stderr.count("\n") == 1


def test_a_model_without_an_image_runs(system: System) -> None:
    words = ["run", "ssd-1b", "--prompt", "a boat", "--img-width", "1024", "--samples", "2"]
    done = system.segq(*words, "--out", "boat.jpg")
    assert done.returncode == 0, done.stderr
    for name in ("boat.jpg", "boat-2.jpg"):
        assert (system.folder / name).read_bytes().startswith(b"\xff\xd8\xff")
    assert "cost $0.008 | " in done.stdout
    refused = system.segq("run", "ssd-1b", "--prompt", "a boat", "--img-width", "512")
    assert refused.returncode == 1
    assert "input.img_width: must be 1024" in refused.stderr


def test_an_image_that_the_model_does_not_take_is_not_uploaded(system: System) -> None:
    photograph = system.folder / "photograph.jpg"
    photograph.write_bytes(b"no image: an upload of it would be refused")
    done = system.segq("run", "ssd-1b", "--prompt", "a boat", "--image", str(photograph))
    assert done.returncode == 1
    assert "input.image: is no parameter of ssd-1b" in done.stderr
