"""A job as an answer that can be kept, and given again byte for byte."""

import json

from api_gateway import job_json
from api_gateway.waiting import Waiting, waiting_of
from db.idempotency import Answer
from db.rows import Job
from jobs.retention import FOR_EVER, Keeps


def job_answer(
    job: Job, base: str, waiting: Waiting, status: int, keeps: Keeps = FOR_EVER
) -> Answer:
    """`waiting`, and `keeps` of a job that may have ended, were asked for before: no other server is
    waited for inside a transaction.

    202 tells where the job can be read.
    """
    document = job_json.document(job, base, waiting_of(job, waiting), keeps=keeps)
    headers = {"Location": job_json.address(base, job)} if status == 202 else {}
    return Answer(status, headers, text_of(document))


# Made once: `json.dumps` makes one for each call that asks for another form than its own.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def text_of(document: object) -> str:
    return _ENCODER.encode(document)
