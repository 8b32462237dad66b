"""Files among parameters: sent once a content, a reference in their place."""

import asyncio
import hashlib
import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from segq_client import AsyncClient, Client, InvalidFieldsError
from segq_client.request import Answer, Request, json_of
from segq_client.retrying import Retrying
from segq_client.submitting import Submitting, Wanted
from segq_client.uploads import Uploads
from tests.client.both_clients import Open
from tests.client.played import Stage, answer, on_stage, paths

KEY = "segq_secret"
ONE, OTHER = b"\xff\xd8\xff one", b"\xff\xd8\xff other"
UPLOAD, SUBMIT = "POST api/v1/inputs", "POST api/v1/jobs"


def reference(image: bytes) -> str:
    return f"segq:{hashlib.sha256(image).hexdigest()}"


def gateway(request: Request[Any]) -> Answer:
    if request.path == "api/v1/inputs":
        return answer(201, {"reference": reference(request.body)})
    return answer(202, {"id": "a", "model": "m", "state": "queued"})


def submitting() -> Submitting:
    sure = Retrying(3, lambda: 0.0)
    return Submitting(sure, Uploads(sure))


def submit(stage: Stage, by: Submitting, key: str | None = None, **parameters: Any) -> None:
    stage.play(by.submitted(Wanted("m", parameters, {"group": "g"}, key)))


def submitted_input(stage: Stage) -> Any:
    body = json.loads(stage.asked[-1].body)
    assert (body["model"], body["group"]) == ("m", "g")
    return body["input"]


def test_every_kind_of_file_becomes_a_reference_and_all_else_stays(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(ONE)
    stage = on_stage(gateway)
    submit(
        stage,
        submitting(),
        path=file,
        data=ONE,
        array=bytearray(ONE),
        view=memoryview(ONE),
        open=io.BytesIO(OTHER),
        many=[file, {"deep": (OTHER, "b.jpg")}],
        text=str(file),
        seed=7,
        nothing=None,
    )
    assert submitted_input(stage) == {
        **dict.fromkeys(("path", "data", "array", "view"), reference(ONE)),
        "open": reference(OTHER),
        "many": [reference(ONE), {"deep": [reference(OTHER), "b.jpg"]}],
        "text": str(file),
        "seed": 7,
        "nothing": None,
    }
    assert paths(stage.asked) == [UPLOAD, UPLOAD, SUBMIT]


def test_the_same_content_is_sent_once_a_client() -> None:
    stage, by = on_stage(gateway), submitting()
    submit(stage, by, image=ONE)
    submit(stage, by, image=io.BytesIO(ONE))
    submit(stage, submitting(), image=ONE)
    assert paths(stage.asked) == [UPLOAD, SUBMIT, SUBMIT, UPLOAD, SUBMIT]


def refusing(field: str) -> Answer:
    wrong = {"field": field, "message": "refers to no image of yours"}
    return answer(422, {"type": "/problems/invalid-fields", "errors": [wrong]})


def test_one_that_was_sent_a_day_ago_is_sent_again() -> None:
    stage, now = on_stage(gateway), [0.0]
    sure = Retrying(3, lambda: 0.0)
    by = Submitting(sure, Uploads(sure, lambda: now[0]))
    for at, sent in ((0.0, 1), (80_000.0, 1), (90_000.0, 2), (170_000.0, 2)):
        now[0] = at
        submit(stage, by, image=ONE)
        assert paths(stage.asked).count(UPLOAD) == sent


def test_an_image_that_the_gateway_has_no_more_is_sent_again_under_the_same_key() -> None:
    stage, by = on_stage(gateway), submitting()
    submit(stage, by, key="mine", image=ONE)
    stage.replies = [refusing("input.image"), gateway]
    submit(stage, by, key="mine", image=io.BytesIO(ONE))
    assert paths(stage.asked) == [UPLOAD, SUBMIT, SUBMIT, UPLOAD, SUBMIT]
    submits = [one for one in stage.asked if one.path.endswith("jobs")]
    assert {one.headers["Idempotency-Key"] for one in submits} == {"mine"}
    assert submitted_input(stage) == {"image": reference(ONE)}


@pytest.mark.parametrize("known", [True, False])
def test_one_that_is_refused_all_the_same_is_not_sent_for_ever(known: bool) -> None:
    stage, by = on_stage(gateway), submitting()
    if known:
        submit(stage, by, image=ONE)
    uploaded = answer(201, {"reference": reference(ONE)})
    refused = refusing("input.image")
    stage.asked.clear()
    stage.replies = [refused, uploaded, refused] if known else [uploaded, refused]
    with pytest.raises(InvalidFieldsError):
        submit(stage, by, image=ONE)
    assert paths(stage.asked) == ([SUBMIT, UPLOAD, SUBMIT] if known else [UPLOAD, SUBMIT])


def test_a_wrong_prompt_is_no_reason_to_send_the_image_again() -> None:
    stage, by = on_stage(gateway), submitting()
    submit(stage, by, image=ONE, prompt="x")
    stage.replies = [refusing("input.prompt")]
    with pytest.raises(InvalidFieldsError):
        submit(stage, by, image=ONE, prompt="")
    assert paths(stage.asked) == [UPLOAD, SUBMIT, SUBMIT]


def test_a_file_that_is_not_there_or_is_text_is_told_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    stage = on_stage(gateway)
    with pytest.raises(FileNotFoundError):
        submit(stage, submitting(), first=ONE, image=tmp_path / "none.jpg")
    with pytest.raises(TypeError, match="mode 'rb'"):
        submit(stage, submitting(), first=ONE, image=io.StringIO("text"))
    assert stage.asked == []


def test_an_upload_is_sent_each_time_and_its_text_is_a_path(
    tmp_path: Path, open_client: Open
) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(ONE)
    with slow_gateway() as (url, uploads), open_client(url, KEY) as client:
        assert client.upload(str(file)) == client.upload(file) == reference(ONE)
        client.submit("m", {"image": ONE})
        assert client.upload(io.BytesIO(OTHER)) == reference(OTHER)
    assert uploads == [ONE, ONE, OTHER]


@contextmanager
def slow_gateway(*, refuses: int = 0) -> Iterator[tuple[str, list[bytes]]]:
    """It takes a moment over each upload, and refuses the first so many; what was uploaded."""
    uploads: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found = gateway(Request("POST", self.path.removeprefix("/"), Answer.json, body=body))
            status, text = found.status, found.body
            if self.path.endswith("/inputs"):
                uploads.append(body)
                threading.Event().wait(0.2)
                if len(uploads) <= refuses:
                    status, text = 422, json_of({"type": "/problems/invalid-fields"})
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", uploads
        finally:
            server.shutdown()
            thread.join()


def test_threads_that_need_the_same_image_wait_for_the_first() -> None:
    with (
        slow_gateway() as (url, uploads),
        Client(url, KEY) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        jobs = list(pool.map(lambda _: client.submit("m", {"image": ONE}), range(8)))
    assert len(jobs) == 8
    assert uploads == [ONE]


def test_tasks_that_need_the_same_image_wait_for_the_first() -> None:
    async def main(url: str) -> None:
        async with AsyncClient(url, KEY) as client:
            await asyncio.gather(*(client.submit("m", {"image": ONE}) for _ in range(8)))

    with slow_gateway() as (url, uploads):
        asyncio.run(main(url))
    assert uploads == [ONE]


def test_where_the_first_fails_the_next_takes_its_place() -> None:
    async def main(url: str) -> list[object]:
        async with AsyncClient(url, KEY) as client:
            tasks = (client.submit("m", {"image": ONE}) for _ in range(4))
            return list(await asyncio.gather(*tasks, return_exceptions=True))

    with slow_gateway(refuses=1) as (url, uploads):
        ended = asyncio.run(main(url))
    assert [isinstance(one, InvalidFieldsError) for one in ended] == [True, False, False, False]
    assert uploads == [ONE, ONE]


def test_where_the_first_is_cancelled_the_next_takes_its_place() -> None:
    async def main(url: str) -> None:
        async with AsyncClient(url, KEY) as client:
            first, second, third = (
                asyncio.create_task(client.submit("m", {"image": ONE})) for _ in range(3)
            )
            await asyncio.sleep(0.1)
            first.cancel()
            second.cancel()  # one that waits: the third is none the worse for it
            assert (await third).id == "a"
            ended = await asyncio.gather(first, second, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in ended)

    with slow_gateway() as (url, uploads):
        asyncio.run(main(url))
    assert uploads == [ONE, ONE]
