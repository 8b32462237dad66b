"""Background generation in a web page, with FastAPI. Run it as examples/README.md says."""

import html
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Form, HTTPException, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from segq_client import AsyncClient, InvalidFieldsError, Job, NotFoundError, SegqError

TAG = "web"
LARGEST = 20_000_000  # bytes; segq takes no larger photograph

FORM = """
<form method="post" enctype="multipart/form-data">
  <p><label>Photograph <input type="file" name="photo" accept="image/*" required></label></p>
  <p><label>What it becomes <input name="prompt" maxlength="500" required></label></p>
  <input type="hidden" name="token" value="{token}">
  <button>Make it</button>
</form>
"""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One client for the whole process: SEGQ_URL and SEGQ_API_KEY say where and with which key."""
    async with AsyncClient.from_env() as app.state.segq:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
def form() -> HTMLResponse:
    """Each form has a token of its own."""
    return page(FORM.format(token=uuid.uuid4()))


@app.post("/")
async def submit(
    photo: UploadFile,
    prompt: Annotated[str, Form(max_length=500)],
    token: Annotated[uuid.UUID, Form()],
) -> Response:
    """The same form again, as of a double click, leads to the same job."""
    if (photo.size or 0) > LARGEST:
        return page("<p>That photograph is too large.</p>", 413)
    try:
        job = await app.state.segq.submit(
            "ssd-canny",
            {"image": await photo.read(), "prompt": prompt},
            idempotency_key=str(token),
            tags=[TAG],
        )
    except InvalidFieldsError as error:
        wrong = "".join(f"<li>{html.escape(f'{e.field} {e.message}')}" for e in error.errors)
        return page(f"<ul>{wrong}</ul>", 422)
    return RedirectResponse(f"/jobs/{job.id}", 303)


@app.get("/jobs/{job_id}")
async def show(job_id: str) -> HTMLResponse:
    """How the job stands; the browser comes again until it is settled."""
    job = await own(job_id)
    if job.state == "succeeded":
        return page(f'<p><img src="/jobs/{job.id}/image" alt=""></p><p><a href="/">Another</a></p>')
    if job.is_settled:
        why = job.error.message if job.error else job.note or ""
        return page(f"<p>{html.escape(job.state)}: {html.escape(why)}</p>")
    waits = f" ({job.waiting_for})" if job.waiting_for else ""
    return page(f"<p>It is {job.state}{waits} …</p>", refresh=True)


@app.get("/jobs/{job_id}/image")
async def image(job_id: str) -> Response:
    """The image itself: the browser has no key to fetch it from segq with."""
    job = await own(job_id)
    if not job.outputs:
        raise HTTPException(404)
    content = await app.state.segq.read(job.outputs[0])
    kept = {"Cache-Control": "private, max-age=86400"}
    return Response(content, media_type=job.outputs[0].content_type, headers=kept)


@app.exception_handler(SegqError)
def away(_: Request, error: SegqError) -> HTMLResponse:
    """The details are for the app's log and not for its visitors."""
    if isinstance(error, NotFoundError):
        return page("<p>There is no such image.</p>", 404)
    return page("<p>Images cannot be made just now. Please try again.</p>", 503)


async def own(job_id: str) -> Job:
    """A job of this page; the key may read others."""
    job: Job = await app.state.segq.get(job_id)
    if TAG not in job.tags:
        raise HTTPException(404)
    return job


def page(body: str, status: int = 200, *, refresh: bool = False) -> HTMLResponse:
    """A whole page."""
    again = '<meta http-equiv="refresh" content="2">' if refresh else ""
    head = f'<meta charset="utf-8"><title>Repainted</title>{again}'
    return HTMLResponse(f"<!doctype html>{head}<h1>Repainted</h1>{body}", status)
