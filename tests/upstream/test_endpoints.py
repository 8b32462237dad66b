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
