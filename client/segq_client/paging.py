"""A list of jobs, page by page."""

from collections.abc import Mapping
from typing import Any

from segq_client import calls
from segq_client.flow import Flow
from segq_client.job import Job
from segq_client.retrying import Retrying


class Pages:
    """The pages of one list. A page may be empty and not be the last."""

    def __init__(self, wanted: Mapping[str, Any], retrying: Retrying) -> None:
        self._wanted = wanted
        self._retrying = retrying
        self._cursor: str | None = None
        self.is_over = False

    def next_page(self) -> Flow[tuple[Job, ...]]:
        """The jobs of the next page, unless `is_over`."""
        page = yield from self._retrying.answered(calls.page(self._wanted, self._cursor))
        self._cursor = page.next_cursor
        self.is_over = page.next_cursor is None
        return page.jobs
