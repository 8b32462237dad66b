"""The Segmind client: one call in, one frozen reply out, whatever the network or the provider does.

`Segmind` is the door. Inside it: `transport` exchanges bytes and knows nothing of their meaning,
`interpretation` turns an exchange into a reply and does no I/O, `failure_table` alone decides what
kind of failure an answer is.
"""

from upstream.endpoints import Endpoints
from upstream.replies import Balance, Facts, Image, Reply
from upstream.segmind import Segmind

__all__ = ["Balance", "Endpoints", "Facts", "Image", "Reply", "Segmind"]
