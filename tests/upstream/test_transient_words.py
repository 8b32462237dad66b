import time

import pytest

from jobs.failures import FailureKind
from upstream import transient_words


@pytest.mark.parametrize(
    "text",
    [
        "Internal Polling Error",
        "Internal server error",
        "internal_error",
        "Request timed out after 300s",
        "TIMEOUT",
        "read time-out",
        "Deadline exceeded",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "torch.cuda.OutOfMemoryError: CUDA out of memory",
        "worker OOM",
        "Something went wrong, please try again later",
        "Please retry",
        "retry in 5 seconds",
        "The model is overloaded",
        "Service Unavailable",
        "temporarily out of service",
        "All workers are busy",
        "no capacity in this region",
        "queue is full",
        "Model is still loading",
        "Connection reset by peer",
        "connection was refused",
        "502 Bad Gateway",
        "Gateway Timeout",
        "GPU lost",
        "the worker was killed",
        "instance preempted",
        "Too many requests",
    ],
)
def test_what_passes_is_retried(text: str) -> None:
    for one in (text, text.upper(), f"Error:\n  {text}"):
        assert transient_words.kind_of(one) is FailureKind.UPSTREAM_ERROR


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the inference ran and failed",
        "Invalid image",
        "NSFW content detected",
        "NSFW content detected, please try again with a different prompt",
        "Try again using another image",
        "Try again after changing the prompt",
        "expected 3 channels, got 4",
        "height must be a multiple of 8",
        "room for improvement",  # holds "oom"
        "KeyError: 'image'",
        "x" * 600 + " timeout",
    ],
)
def test_what_does_not_pass_fails_the_job(text: str) -> None:
    assert transient_words.kind_of(text) is FailureKind.INFERENCE_FAILED


def test_no_message_takes_long() -> None:
    started = time.perf_counter()
    for text in ("internal " * 100, " " * 1_000_000, "try again " * 1_000, "worker " * 1_000):
        transient_words.kind_of(text)
    assert time.perf_counter() - started < 1
