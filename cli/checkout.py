"""Where this checkout is, for the commands that work on the repository itself."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
