import base64
import http.server
import threading
from collections.abc import Iterator

import pytest
from PIL import Image, ImageChops, ImageOps

from tests.sandbox.sandbox_process import PHOTOGRAPH, URL, SandboxProcess, decoded, encoded

BARE = base64.b64encode(PHOTOGRAPH).decode()
STRIP = 48


def strip_of(image: Image.Image) -> Image.Image:
    return image.crop((0, image.height - STRIP, image.width, image.height))


def picture_of(image: Image.Image) -> Image.Image:
    return image.crop((0, 0, image.width, image.height - STRIP))


def differ(one: Image.Image, other: Image.Image) -> bool:
    return (
        ImageChops.difference(one, other).convert("L").point(lambda p: p > 40).getbbox() is not None
    )


def test_an_answer_is_a_jpeg_above_a_written_strip(sandbox: SandboxProcess) -> None:
    answer = sandbox.call(image=BARE)
    assert answer.headers["content-type"] == "image/jpeg"
    image = decoded(answer.content)
    assert image.size == (448, 299 + STRIP)
    data = strip_of(image).convert("RGB").tobytes()
    pixels = list(zip(data[::3], data[1::3], data[2::3], strict=True))
    yellow = sum(red > 200 and green > 160 and blue < 90 for red, green, blue in pixels)
    black = sum(max(pixel) < 90 for pixel in pixels)
    assert yellow > len(pixels) * 0.7
    assert 500 < black < len(pixels) * 0.2


def test_the_picture_is_made_from_the_input(sandbox: SandboxProcess) -> None:
    square = Image.new("L", (440, 400))
    square.paste(255, (100, 100, 300, 300))
    drawn = picture_of(decoded(sandbox.call(image=encoded(square, "PNG")).content)).convert("L")
    low, high = min(drawn.tobytes()), max(drawn.tobytes())
    assert drawn.getpixel((50, 50)) == pytest.approx(low, abs=12)
    assert drawn.getpixel((300, 200)) == pytest.approx(low, abs=12)
    edges = ImageOps.autocontrast(drawn).point(lambda p: 255 * (p > 128)).getbbox()
    assert edges == pytest.approx((99, 99, 301, 301), abs=3)
    assert high > 150


def test_the_same_call_makes_the_same_bytes_and_another_seed_others(
    sandbox: SandboxProcess,
) -> None:
    first = sandbox.call(image=BARE, seed=1).content
    assert sandbox.call(image=BARE, seed=1).content == first
    other = sandbox.call(image=BARE, seed=2).content
    assert differ(picture_of(decoded(first)), picture_of(decoded(other)))
    assert differ(strip_of(decoded(first)), strip_of(decoded(other)))


def test_the_strip_tells_the_prompt(sandbox: SandboxProcess) -> None:
    one, other = (decoded(sandbox.call(image=BARE, prompt=text).content) for text in ("a", "b b"))
    assert differ(strip_of(one), strip_of(other))
    assert not differ(picture_of(one), picture_of(other))


def test_a_url_is_replaced_by_the_bundled_photograph_and_the_strip_says_so(
    sandbox: SandboxProcess,
) -> None:
    by_url = decoded(sandbox.call(image=URL).content)
    by_file = decoded(sandbox.call(image=BARE).content)
    assert not differ(picture_of(by_url), picture_of(by_file))
    assert differ(strip_of(by_url), strip_of(by_file))


@pytest.mark.parametrize("size", [(1, 1), (4000, 2000), (2000, 4000), (1000, 1000), (20, 3000)])
def test_no_answer_is_over_448_pixels_a_side(
    sandbox: SandboxProcess,
    size: tuple[int, int],
) -> None:
    image = decoded(sandbox.call(image=encoded(Image.new("1", size), "PNG")).content)
    assert 420 <= image.width <= 448
    assert STRIP < image.height <= 448


def test_base64_and_samples_shape_the_answer(sandbox: SandboxProcess) -> None:
    raw = sandbox.call().content
    one = sandbox.call(base64=True)
    assert one.headers["content-type"].startswith("application/json")
    assert one.json() == {"image": base64.b64encode(raw).decode()}
    for as_base64 in (True, False):
        several = sandbox.call(samples=3, base64=as_base64)
        assert several.headers["x-cost"] == "0.018"
        images = several.json()["image"]
        assert base64.b64decode(images[0]) == raw
        assert len(set(images)) == 3


@pytest.fixture
def image_url() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PHOTOGRAPH[::-1] if "broken" in self.path else PHOTOGRAPH)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_url_is_fetched_only_when_the_setting_allows_it(
    sandbox: SandboxProcess,
    image_url: str,
) -> None:
    unfetched = sandbox.call(image=image_url).content
    sandbox.change(fetch_images=True)
    assert sandbox.call(image=image_url).content == sandbox.call(image=BARE).content != unfetched
    assert sandbox.call(image=image_url + "/broken").content == unfetched
    assert sandbox.call(image="http://127.0.0.1:1/").content == unfetched
