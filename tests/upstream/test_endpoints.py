from urllib.parse import urlsplit

import pytest

from jobs.errors import InvalidSetting
from upstream.endpoints import Endpoints


def test_the_real_service_is_the_default() -> None:
    assert Endpoints.from_base_url(None).api == "https://api.segmind.com"


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8200", "https://api.example.org", "http://[::1]:80"]
)
def test_an_origin_is_taken_with_or_without_v1(origin: str, path: str) -> None:
    assert Endpoints.from_base_url(origin + path).api == origin


@pytest.mark.parametrize(
    "base",
    [
        "",
        "api.segmind.com",
        "ftp://api.segmind.com",
        "https://",
        "https:///v1",
        "https://api.segmind.com/v2",
        "https://api.segmind.com/v1/ssd-canny",
        "https://api.segmind.com/v1?a=b",
        "https://api.segmind.com/?",
        "https://api.segmind.com#top",
        "https://api.segmind.com:port",
        "https://api.segmind.com:0",
        "https://api.segmind.com:99999",
        " https://api.segmind.com",
        "https://api.segmind.com\n",
        "https://evil.example\\@api.segmind.com",
    ],
)
def test_anything_else_is_refused(base: str) -> None:
    with pytest.raises(InvalidSetting, match="SEGMIND_BASE_URL"):
        Endpoints.from_base_url(base)


def test_a_user_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidSetting) as refused:
        Endpoints.from_base_url("https://someone:hunter2@api.segmind.com")
    assert "hunter2" not in str(refused.value)
    assert "someone" not in str(refused.value)


def test_the_real_history_and_images_stand_elsewhere_than_the_api() -> None:
    real = Endpoints.from_base_url(None)
    assert real.history == "https://api.spotprod.segmind.com"
    assert real.image_hosts == {"images.segmind.com"}


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8200", "127.0.0.1:8200"),
        ("https://API.example.org", "api.example.org"),
        ("http://[::1]:80", "[::1]:80"),
    ],
)
def test_a_base_of_ones_own_has_its_own_history_and_images(origin: str, host: str) -> None:
    one = Endpoints.from_base_url(f"{origin}/v1")
    assert one.history == origin
    assert one.image_hosts == {host}
    assert one.serve_images(urlsplit(f"{origin}/outputs/1.jpeg"))


def test_each_may_be_told_apart() -> None:
    one = Endpoints.from_base_url(
        "http://127.0.0.1:8200",
        history_url="https://history.example.org/",
        image_hosts="Images.example.org , 127.0.0.1:9000,[::1]:9000",
    )
    assert one.api == "http://127.0.0.1:8200"
    assert one.history == "https://history.example.org"
    assert one.image_hosts == {"images.example.org", "127.0.0.1:9000", "[::1]:9000"}
    assert Endpoints.from_base_url(None, image_hosts="a.example").api == "https://api.segmind.com"


@pytest.mark.parametrize("url", ["", "history", "https://a.example/v1", "https://a.example/?a"])
def test_a_history_that_is_no_origin_is_refused(url: str) -> None:
    with pytest.raises(InvalidSetting, match="SEGMIND_HISTORY_URL"):
        Endpoints.from_base_url(None, history_url=url)


@pytest.mark.parametrize(
    "hosts",
    [
        "",
        ",",
        "a.example,",
        "https://a.example",
        "a.example/path",
        "a.example:0",
        "a.example:70000",
        "a.example:port",
        "a b",
        "*.example",
        ".example",
        "a.example.",
        "::1",
        "someone:hunter2@a.example",
    ],
)
def test_what_is_no_list_of_hosts_is_refused_and_shows_no_password(hosts: str) -> None:
    with pytest.raises(InvalidSetting, match="SEGMIND_IMAGE_HOSTS") as refused:
        Endpoints.from_base_url(None, image_hosts=hosts)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("hosts", "url", "allowed"),
    [
        ("a.example", "https://a.example/1.png", True),
        ("a.example", "http://A.Example/1.png", True),
        ("a.example", "https://a.example:443/1.png", True),
        ("a.example:443", "https://a.example/1.png", True),
        ("a.example", "https://a.example:80/1.png", False),
        ("a.example", "https://a.example:8443/1.png", False),
        ("a.example:8443", "https://a.example:8443/1.png", True),
        ("a.example:8443", "https://a.example/1.png", False),
        ("a.example", "https://b.a.example/1.png", False),
        ("a.example", "https://a.example.evil/1.png", False),
        ("a.example", "https:///1.png", False),
        ("[::1]:90", "http://[::1]:90/1.png", True),
    ],
)
def test_images_come_from_the_hosts_of_the_list_alone(hosts: str, url: str, allowed: bool) -> None:
    endpoints = Endpoints.from_base_url(None, image_hosts=hosts)
    assert endpoints.serve_images(urlsplit(url)) is allowed
