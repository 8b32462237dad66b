"""The Python client of segq: hand it a job, get images or a reason. docs/client.md tells all.

>>> with Client("http://127.0.0.1:8100", "segq_...") as segq:            # doctest: +SKIP
...     result = segq.run("ssd-canny", image=Path("photo.jpg"), prompt="a watercolour")
...     result.save("out.jpg")
"""

from segq_client.async_client import AsyncClient
from segq_client.batch import Batch, BatchResult, RejectedLine, ResultPage, Uploaded
from segq_client.batch_stream import AsyncBatchStream, BatchStream
from segq_client.batches import AsyncBatches, Batches
from segq_client.client import Client
from segq_client.errors import (
    BatchStalledError,
    JobCanceledError,
    JobEndedError,
    JobExpiredError,
    JobFailedError,
    JobInDoubtError,
    SegqError,
    SetupError,
    StillWaitingError,
    UnexpectedAnswerError,
    Unreachable,
)
from segq_client.estimate import Estimate
from segq_client.job import Doubt, Job, JobError, Output
from segq_client.problems import (
    BadRequestError,
    BudgetExceededError,
    ConflictError,
    DataRemovedError,
    GatewayError,
    IdempotencyError,
    IllegalMoveError,
    InsufficientScopeError,
    InvalidFieldsError,
    NotAllowedError,
    NotFoundError,
    ProblemError,
    RequestHeldError,
    TooManyQueuedError,
    UnauthorizedError,
    UnavailableError,
    WrongField,
)
from segq_client.result import AsyncResult, Result

__all__ = [
    "AsyncBatchStream",
    "AsyncBatches",
    "AsyncClient",
    "AsyncResult",
    "BadRequestError",
    "Batch",
    "BatchResult",
    "BatchStalledError",
    "BatchStream",
    "Batches",
    "BudgetExceededError",
    "Client",
    "ConflictError",
    "DataRemovedError",
    "Doubt",
    "Estimate",
    "GatewayError",
    "IdempotencyError",
    "IllegalMoveError",
    "InsufficientScopeError",
    "InvalidFieldsError",
    "Job",
    "JobCanceledError",
    "JobEndedError",
    "JobError",
    "JobExpiredError",
    "JobFailedError",
    "JobInDoubtError",
    "NotAllowedError",
    "NotFoundError",
    "Output",
    "ProblemError",
    "RejectedLine",
    "RequestHeldError",
    "Result",
    "ResultPage",
    "SegqError",
    "SetupError",
    "StillWaitingError",
    "TooManyQueuedError",
    "UnauthorizedError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "Unreachable",
    "Uploaded",
    "WrongField",
]
