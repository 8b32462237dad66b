"""The instructions of deploy/Dockerfile."""

import json
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"


class Instruction(NamedTuple):
    """One line, its continuations joined, as in `RUN` and what follows."""

    name: str
    words: str


def instructions() -> list[Instruction]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    split = [line.split(None, 1) for line in lines if line.strip()]
    return [Instruction(name, words) for name, words in split]


def runs() -> list[str]:
    return [one.words for one in instructions() if one.name == "RUN"]


def entrypoint() -> list[str]:
    (found,) = (one.words for one in instructions() if one.name == "ENTRYPOINT")
    words: list[str] = json.loads(found)
    return words
