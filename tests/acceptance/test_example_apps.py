"""The web pages of examples/, each over HTTP, with a real segq behind it."""

import html
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cli.ports import free_port
from tests.systems.processes import ROOT, project_environment, wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]
PHOTO = (ROOT / "examples" / "images" / "coffee.jpg").read_bytes()
APPS = {
    "fastapi": ["-m", "uvicorn", "--app-dir", "examples", "fastapi_app:app", "--port", "{port}"],
    "django": ["examples/django_app.py", "runserver", "127.0.0.1:{port}", "--noreload"],
}
EACH = pytest.mark.parametrize("name", APPS)
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]+)"')


@contextmanager
def running(name: str, folder: Path, environment: Mapping[str, str]) -> Iterator[httpx.Client]:
    """The app in a process of its own; a browser with a cookie jar that has it open."""
    port = free_port()
    words = [word.format(port=port) for word in APPS[name]]
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        app = subprocess.Popen(
            [sys.executable, "-P", *words],
            cwd=ROOT,
            env=project_environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as browser:
            wait_until(lambda: answers(browser, app, log), f"{name} answers", timeout=60)
            yield browser
    finally:
        app.terminate()
        app.wait(timeout=20)


def answers(browser: httpx.Client, app: subprocess.Popen[bytes], log: Path) -> bool:
    assert app.poll() is None, log.read_text()
    try:
        return browser.get("/").is_success
    except httpx.TransportError:
        return False


def filled(browser: httpx.Client) -> dict[str, str]:
    """The fields of a new form, as a browser sends them."""
    text = browser.get("/").text
    fields = dict(HIDDEN.findall(text))
    assert "token" in fields
    assert 'type="file" name="photo"' in text
    return {**fields, "prompt": "a <b>paper</b> lantern"}


def sent(browser: httpx.Client, fields: Mapping[str, str], photo: bytes = PHOTO) -> httpx.Response:
    return browser.post("/", data=fields, files={"photo": ("photo.jpg", photo)})


@ON_ITS_OWN_PARTS
@EACH
def test_a_form_becomes_a_job_whose_page_shows_its_state_and_then_its_image(
    name: str, system: Start, tmp_path: Path
) -> None:
    one = system()
    one.settings(latency={"median": 2.0, "sigma": 0})
    key = one.run["api_key"]
    told = {"SEGQ_URL": one.gateway, "SEGQ_API_KEY": key}
    with running(name, tmp_path, told) as browser:
        fields = filled(browser)
        # A double click: both are sent before either is answered.
        with ThreadPoolExecutor(2) as pool:
            clicks = list(pool.map(lambda _: sent(browser, fields), range(2)))
        assert [click.is_redirect for click in clicks] == [True, True], clicks[0].text
        (place,) = {click.headers["Location"] for click in clicks}
        waiting = browser.get(place)
        assert re.search(r"It is (queued|running)", waiting.text)
        assert 'http-equiv="refresh"' in waiting.text
        wait_until(lambda: "<img" in browser.get(place).text, "the page shows the image", every=0.3)
        done = browser.get(place)
        assert "refresh" not in done.text
        found = re.search(r'<img src="([^"]+)"', done.text)
        assert found
        image = browser.get(found[1])
        assert image.headers["Content-Type"] == "image/jpeg"
        assert image.content.startswith(b"\xff\xd8\xff")
        pages = [browser.get("/"), waiting, done, image, *clicks]
    (job,) = one.client.jobs()
    assert place == f"/jobs/{job.id}"
    assert job.raw["input"]["prompt"] == fields["prompt"]
    assert len(one.ledger()) == 1
    for one_page in pages:
        assert key.encode() not in one_page.content + repr(one_page.headers).encode()
    assert key not in (tmp_path / f"{name}.log").read_text()


@ON_ITS_OWN_PARTS
@EACH
def test_what_segq_refuses_or_does_not_know_is_told_as_such(
    name: str, system: Start, tmp_path: Path
) -> None:
    one = system()
    told = {"SEGQ_URL": one.gateway, "SEGQ_API_KEY": one.run["api_key"]}
    batch = one.client.submit("ssd-1b", {"prompt": "of somebody else"})
    with running(name, tmp_path, told) as browser:
        refused = sent(browser, filled(browser), b"this is no photograph")
        assert refused.status_code == 422
        assert "is no image that is known here" in html.unescape(refused.text)
        assert browser.get(f"/jobs/{uuid.uuid4()}").status_code == 404
        # The key reads it, but it is none of this page's.
        assert browser.get(f"/jobs/{batch.id}").status_code == 404
        assert browser.get(f"/jobs/{batch.id}/image").status_code == 404
        one.settings(latency={"median": 0.1, "sigma": 0})
        one.sandbox.faults({"effect": {"kind": "status", "status": 400, "error": "no <i>"}})
        place = sent(browser, filled(browser)).headers["Location"]
        wait_until(lambda: "failed" in browser.get(place).text, "it has failed", every=0.2)
        assert "failed: no &lt;i&gt;" in browser.get(place).text
        assert browser.get(f"{place}/image").status_code == 404


@EACH
def test_without_segq_the_page_says_so(name: str, tmp_path: Path) -> None:
    told = {"SEGQ_URL": f"http://127.0.0.1:{free_port()}", "SEGQ_API_KEY": "segq_x"}
    with running(name, tmp_path, told) as browser:
        away = sent(browser, filled(browser))
        assert away.status_code == 503
        assert "Please try again" in away.text
        assert "127.0.0.1" not in away.text


@EACH
def test_an_app_that_was_told_nothing_says_what_it_lacks(name: str) -> None:
    words = [word.format(port=free_port()) for word in APPS[name]]
    done = subprocess.run(
        [sys.executable, "-P", *words],
        cwd=ROOT,
        env=project_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "SEGQ_URL and SEGQ_API_KEY are not set" in done.stderr
