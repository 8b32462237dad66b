"""The account of a worker that has one."""

from dataclasses import replace

from upstream import Segmind
from worker.parts import Parts
from worker.upstream_accounts import UpstreamAccount, UpstreamAccounts


def only(parts: Parts) -> UpstreamAccount:
    (one,) = parts.upstream.at_work()
    return one


def calling_with(parts: Parts, segmind: Segmind) -> Parts:
    """The parts with another client for their account."""
    return replace(parts, upstream=UpstreamAccounts([replace(only(parts), segmind=segmind)]))
