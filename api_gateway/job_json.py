"""A job as the API shows it."""

from typing import Any

from api_gateway import times
from api_gateway.cancel_notes import cancel_note
from api_gateway.forecasts import Forecast
from api_gateway.waiting import Waiting
from db.rows import Job, JobDoubt, Output
from jobs import money
from jobs.retention import FOR_EVER, Keeps, KeptUntil


def address(base: str, job: Job) -> str:
    """The job's absolute URL; `base` is the API's own, without a slash at its end."""
    return f"{base}/api/v1/jobs/{job.id}"


def document(
    job: Job,
    base: str,
    waiting: Waiting | None,
    forecast: Forecast | None = None,
    keeps: Keeps = FOR_EVER,
) -> dict[str, Any]:
    """The job as JSON. Money is decimal text in USD, times are RFC 3339 in UTC.

    `keeps`: how long its tenant's data is kept; of a job that may have ended it must be given.
    """
    own = address(base, job)
    outputs = [output_json(own, output) for output in job.outputs]
    canceling = job.cancel_requested_at is not None
    return {
        "id": str(job.id),
        "model": job.model,
        "state": job.state,
        "input": job.input,
        "outputs": outputs,
        "cost": money.text(job.cost),
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "error": job.error,
        "waiting_for": waiting.reason if waiting else None,
        "position": forecast.position if forecast else None,
        "estimated_start": times.about(forecast.starts_at) if forecast else None,
        "seed": job.seed,
        "priority": job.priority,
        "group": job.group,
        "batch": None if job.batch_id is None else str(job.batch_id),
        "custom_id": job.custom_id,
        "tags": list(job.tags),
        "metadata": job.metadata,
        "run_at": times.text(job.run_at),
        "start_by": times.text(job.start_by),
        "finish_by": times.text(job.finish_by),
        "on_doubt": job.on_doubt,
        "doubt_deadline": times.text(job.doubt_deadline),
        "doubt": _doubt(job.doubt),
        "created_at": times.text(job.created_at),
        "started_at": times.text(job.started_at),
        "finished_at": times.text(job.finished_at),
        "cancel_requested": canceling,
        "note": _note(job, waiting, forecast),
        **_kept(job, keeps),
        "links": {
            "self": own,
            "cancel": f"{own}/cancel",
            "outputs": [output["url"] for output in outputs]
            if job.outputs_removed_at is None
            else [],
        },
    }


def _kept(job: Job, keeps: Keeps) -> dict[str, Any]:
    """Until when its data is kept, while it is, and since when it is not."""
    until = KeptUntil(None, None) if job.finished_at is None else keeps.until(job.finished_at)
    has_images = bool(job.outputs) and job.outputs_removed_at is None
    return {
        "outputs_kept_until": times.text(until.outputs) if has_images else None,
        "outputs_removed_at": times.text(job.outputs_removed_at),
        "kept_until": times.text(until.job) if job.data_removed_at is None else None,
        "data_removed": job.data_removed_at is not None,
        "data_removed_at": times.text(job.data_removed_at),
    }


def _note(job: Job, waiting: Waiting | None, forecast: Forecast | None) -> str | None:
    notes = (
        cancel_note(job),
        _looked_for(job.doubt),
        waiting.note if waiting else None,
        forecast.note if forecast else None,
    )
    return " ".join(filter(None, notes)) or None


def _looked_for(doubt: JobDoubt | None) -> str | None:
    """Of a doubt whose request is known, by an operator or from Segmind itself."""
    if doubt is None or doubt.request_id is None:
        return None
    return (
        f"Its call is request {doubt.request_id} at Segmind, which is asked about it: the job ends "
        "with what that request came to."
    )


def _doubt(doubt: JobDoubt | None) -> dict[str, Any] | None:
    if doubt is None:
        return None
    return {
        "since": times.text(doubt.since),
        "kind": doubt.kind,
        "message": doubt.message,
        "estimate": money.text(doubt.estimate),
        "looked": doubt.looked,
        "next_look_at": times.text(doubt.next_look_at),
    }


def output_json(own: str, output: Output) -> dict[str, Any]:
    """An image of the job whose URL is `own`."""
    return {
        "url": f"{own}/outputs/{output.n}",
        "content_type": output.content_type,
        "width": output.width,
        "height": output.height,
        "bytes": output.bytes,
        "sha256": output.sha256,
    }
