"""A v2 request as JSON: its status, and the whole of it."""

from decimal import Decimal

from sandbox.entries import Entry
from sandbox.outputs import url_of
from sandbox.settings import Settings


def queued_record_of(request_id: str, origin: str) -> dict[str, object]:
    """The answer to the POST: where to ask for the rest."""
    whole = f"{origin}/v2/requests/{request_id}"
    return {
        "request_id": request_id,
        "status": "QUEUED",
        "poll_url": whole,
        "status_url": f"{whole}/status",
        "response_url": whole,
    }


def status_code_of(entry: Entry) -> int:
    """The HTTP status: FAILED comes under 422."""
    return 422 if entry.status == "FAILED" else 200


def status_record_of(entry: Entry) -> dict[str, object]:
    """The state without the output."""
    failed = {"error": entry.error} if entry.status == "FAILED" else {}
    return {
        "status": entry.status,
        "request_id": entry.id,
        **failed,
        "metrics": _metrics_of(entry),
    }


def record_of(entry: Entry, origin: str, settings: Settings) -> dict[str, object]:
    """All of it; outputs are URLs on ``origin``."""
    urls = [url_of(origin, name) for name in entry.outputs]
    images = [{"url": url, "content_type": "image/jpeg"} for url in urls]
    several = len(urls) > 1 and settings.v2_output == "list"
    shown: dict[str, object] = {
        "request_id": entry.id,
        "status": entry.status,
        "error": entry.error,
        "metrics": _metrics_of(entry),
        "output": urls if several else next(iter(urls), None),
    }
    return shown | {"images": images} if images and settings.v2_images else shown


def _metrics_of(entry: Entry) -> dict[str, object]:
    """Amounts in USD, times in seconds; null = not known yet."""
    ended: dict[str, Decimal | None] = {"cost": None, "remaining_credits": None}
    if entry.seconds is not None:
        ended = {"cost": entry.cost, "remaining_credits": entry.remaining}
    return {
        **ended,
        "inference_time": _rounded(entry.inference_seconds),
        "queue_time": _rounded(entry.queue_seconds),
        "total_time": _rounded(entry.seconds),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
