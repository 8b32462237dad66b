"""What a refused call looks like on the wire."""

from collections.abc import Mapping

from starlette.responses import HTMLResponse, JSONResponse, Response

_WRONG_VERB = "<!doctype html><html><body><h1>405 Method Not Allowed</h1></body></html>\n"


class RefusedError(Exception):
    """A call that is not served, is not billed, and says why.

    ``status`` is the HTTP status, ``message`` the envelope's ``error``. ``members`` join the
    envelope; only the auth surface (401) has any, and gets ``status_code`` too.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers
        self.members = members

    def response(self) -> Response:
        """The answer: ``{"error": …}``, but HTML for 405, as upstream does."""
        if self.status == 405:
            return HTMLResponse(_WRONG_VERB, 405, headers=self.headers)
        content: dict[str, object] = {"error": self.message}
        if self.members:
            content |= {**self.members, "status_code": self.status}
        return JSONResponse(content, self.status, headers=self.headers)
