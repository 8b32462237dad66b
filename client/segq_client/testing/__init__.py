"""A real segq for the tests of your own app, with a sandbox in Segmind's place: nothing is paid.

With pytest the fixtures are there as soon as `segq-client[testing]` is installed: `segq` (a `Client`),
`segq_server` (where it is, for the app under test) and `segq_sandbox` (what goes wrong, and what was
asked). Other runners use `running_server`. docs/client.md shows it at work.
"""

from segq_client.testing.sandbox import Sandbox
from segq_client.testing.server import SegqServer, StartError, running_server

__all__ = ["Sandbox", "SegqServer", "StartError", "running_server"]
