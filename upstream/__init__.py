"""The Segmind client: one call in, one frozen reply out, whatever the network or the provider does.

`Segmind` is the door. Inside it: `transport` exchanges bytes and knows nothing of their meaning;
`interpretation` (v1), `records` (v2), `history` and `downloads` turn an exchange into what it means;
`failure_table` alone decides what kind of failure an answer is, `transient_words` what kind a failed
inference is.
"""

from upstream.endpoints import Endpoints
from upstream.history import HistoryPass, HistoryUnread
from upstream.replies import (
    Balance,
    Facts,
    HistoryRow,
    Image,
    Record,
    Reply,
    RequestState,
    Submission,
)
from upstream.segmind import Segmind

__all__ = [
    "Balance",
    "Endpoints",
    "Facts",
    "HistoryPass",
    "HistoryRow",
    "HistoryUnread",
    "Image",
    "Record",
    "Reply",
    "RequestState",
    "Segmind",
    "Submission",
]
