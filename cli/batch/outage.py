"""A gateway that does not answer for a while, as after a restart."""

import time

from cli.terminal import say
from segq_client import SegqError


class Outage:
    """Is waited for; what is in the way is said once, until it is something else."""

    def __init__(self) -> None:
        self._said = ""

    def wait(self, error: SegqError) -> None:
        """Raises the error where it will not pass."""
        if error.repeat_after is None:
            raise error
        why = str(error)
        if why != self._said:
            self._said = why
            say(f"the gateway does not answer, and is asked again: {why}")
        time.sleep(error.repeat_after)
