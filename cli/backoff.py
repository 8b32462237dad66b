"""How long to wait before a child that died is started again."""

from dataclasses import dataclass

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
# A child that lived this long had started well: its next death begins a new series.
GOOD_LIFE = 60.0


@dataclass(frozen=True)
class Backoff:
    """The deaths of one child in a row. Times in seconds."""

    deaths: int = 0

    def after_death(self, lived: float) -> "Backoff":
        """The series once one more life of `lived` seconds has ended."""
        return Backoff(1 if lived >= GOOD_LIFE else self.deaths + 1)

    @property
    def wait(self) -> float:
        """0 before the first death, then 0.5 s, doubling to 30 s."""
        if not self.deaths:
            return 0.0
        # The exponent is bounded: a child that dies for weeks must not overflow the power.
        return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self.deaths - 1, 10))
