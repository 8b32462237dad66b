"""The one file of a multipart form that is already in memory."""

from collections.abc import AsyncGenerator

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api_gateway import problems
from api_gateway.problems import Problem
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput

FIELDS = ("file", "image")
_MOST_PARTS = 10


async def only_file(headers: Headers, form: bytes) -> bytes:
    """The file's bytes.

    Raises a 400 problem for a form that cannot be read, and `InvalidInput` for one that holds
    anything else than one file of an expected name.
    """

    async def pieces() -> AsyncGenerator[bytes, None]:
        yield form

    parser = MultiPartParser(headers, pieces(), max_files=_MOST_PARTS, max_fields=_MOST_PARTS)
    # The form is bounded and in memory: no part needs a file on disk.
    parser.spool_max_size = len(form) + 1
    try:
        parsed = await parser.parse()
    except (MultiPartException, KeyError) as error:
        why = error.message if isinstance(error, MultiPartException) else "it names no boundary"
        raise Problem(problems.MALFORMED, f"The multipart body cannot be read: {why}") from None
    parts = parsed.multi_items()
    try:
        wrong = [
            FieldProblem(name, f"must be one file named {' or '.join(FIELDS)}", shown(name))
            for name, part in parts
            if name not in FIELDS or not isinstance(part, UploadFile)
        ]
        if not wrong and len(parts) != 1:
            wrong = [FieldProblem("image", f"must be exactly one file, not {len(parts)}")]
        if wrong:
            raise InvalidInput(wrong)
        file = parts[0][1]
        assert isinstance(file, UploadFile)  # noqa: S101  # for the type checker: seen above
        return await file.read()
    finally:
        await parsed.close()
