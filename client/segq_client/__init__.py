"""The Python client of segq: submit jobs, wait for them, save what they made.

>>> with Client("http://127.0.0.1:8100", "segq_...") as segq:            # doctest: +SKIP
...     photo = segq.upload("photo.jpg")
...     job = segq.submit("ssd-canny", {"image": photo, "prompt": "a watercolour"})
...     done = segq.wait(job.id)
...     segq.save(done.outputs[0], "out.jpg")
"""

from segq_client.client import Client
from segq_client.errors import ProblemError, SegqError, StillWaitingError, Unreachable, WrongField
from segq_client.estimate import Estimate
from segq_client.job import Doubt, Job, JobError, Output

__all__ = [
    "Client",
    "Doubt",
    "Estimate",
    "Job",
    "JobError",
    "Output",
    "ProblemError",
    "SegqError",
    "StillWaitingError",
    "Unreachable",
    "WrongField",
]
