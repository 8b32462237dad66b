"""What is read from wrk's output, and what is said when it is missing."""

import pytest

from benchmarks import wrk_load
from benchmarks.complaint import ComplaintError

# As wrk 4.1.0 with our script printed it.
PRINTED = """Running 1s test @ http://127.0.0.1:8100
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    30.11ms   11.07ms  88.92ms   74.05%
    Req/Sec     2.13k   211.06     2.46k    80.00%
  2130 requests in 1.00s, 1.55MB read
Requests/sec:   2127.05
Transfer/sec:      1.55MB
found: requests=2130 microseconds=1001385 p50=29103 p99=61250 max=88917 broken=0 answers: 202=2130 \n"""


def test_it_is_read() -> None:
    found = wrk_load.read(PRINTED, expected=202)
    assert round(found.rate) == 2127
    assert (found.p50, found.p99, found.slowest) == (29.103, 61.25, 88.917)
    assert found.answers == {202: 2130}


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        (PRINTED.replace("202=2130", "202=2129 503=1"), "503: 1"),
        (PRINTED.replace("202=2130", ""), "got none"),
        (PRINTED.replace("broken=0", "broken=3"), "3 broken connections"),
        ("unable to connect to 127.0.0.1:8100", "unable to connect"),
    ],
)
def test_a_load_that_was_not_all_as_expected_is_no_figure(printed: str, said: str) -> None:
    with pytest.raises(ComplaintError, match=said):
        wrk_load.read(printed, expected=202)


def test_without_wrk_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ComplaintError, match="apt install wrk"):
        wrk_load.program()
