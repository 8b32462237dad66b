"""The jobs of a run: queued, waiting for their time, ended; and who is told when that changes."""

from collections.abc import Callable

from cli.simulation.clock import Clock, time_of
from cli.simulation.job import Job
from cli.simulation.measures import Measures
from cli.simulation.turns import Turns
from jobs.retry import Decision
from jobs.states import State


class Backlog:
    """`work` is called when a job may run that could not before; `idled` of each time without any."""

    def __init__(
        self,
        clock: Clock,
        turns: Turns,
        measures: Measures,
        work: Callable[[], None],
        idled: Callable[[int, int], None],
    ) -> None:
        self.open = 0
        """Jobs that are not final."""
        self.waiting = 0
        """Of them, those that are queued."""
        self._clock = clock
        self._turns = turns
        self._measures = measures
        self._work = work
        self._idled = idled
        self._idle_since: int | None = 0

    def __bool__(self) -> bool:
        """Whether a job may run now."""
        return bool(self._turns)

    def arrive(self, job: Job) -> None:
        """It was just submitted."""
        self.open += 1
        self._queue(job)

    def take(self) -> Job | None:
        """The job that goes next; it runs now. `took` is to be told once its claim stands."""
        job = self._turns.take()
        if job is not None:
            self.waiting -= 1
            job.move(State.RUNNING)
        return job

    def put_back(self, job: Job) -> None:
        """Its call cannot leave: as if it had not been taken."""
        job.move(State.QUEUED)
        self.waiting += 1
        self._turns.put_back(job)

    def ended(self, job: Job) -> None:
        """It runs no more; what becomes of it is decided next."""
        self._turns.ended(job)
        if self._turns:
            self._work()  # its tenant may have been at its cap

    def become(self, job: Job, decision: Decision) -> None:
        """What was decided of a job that does not run any more."""
        if decision.state is State.QUEUED:
            self._queue(job, decision.state)
            return
        job.move(decision.state)
        if decision.run_at is not None:
            self._clock.at(time_of(decision.run_at), self._due, job)
        elif job.is_final:
            self._finish(job)

    def cancel(self, job: Job) -> bool:
        """Whether it still waited."""
        if job.state is State.QUEUED:
            job.move(State.CANCELED)
            self.waiting -= 1
            self._turns.forget(job)
        elif job.state is State.SCHEDULED:
            job.move(State.CANCELED)
        else:
            return False
        self._finish(job)
        self.look()
        return True

    def look(self) -> None:
        """Take note of whether a job may run now."""
        now = self._clock.now
        if not self._turns:
            if self._idle_since is None:
                self._idle_since = now
        elif self._idle_since is not None:
            self._idled(self._idle_since, now)
            self._idle_since = None

    def end(self) -> None:
        """The run is over."""
        if self._idle_since is not None:
            self._idled(self._idle_since, self._clock.now)

    def _due(self, job: Job) -> None:
        if job.state is State.SCHEDULED:  # and not canceled meanwhile
            self._queue(job, State.QUEUED)

    def _queue(self, job: Job, becomes: State | None = None) -> None:
        if becomes is not None:
            job.move(becomes)
        self.waiting += 1
        self._turns.add(job)
        self.look()
        if self._turns:
            self._work()

    def _finish(self, job: Job) -> None:
        self.open -= 1
        self._measures.of[job.asked.tenant].states[job.state] += 1
