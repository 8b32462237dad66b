"""Whatever the scenario: every job ends, and everything that was taken is given back.

In the suite with few of them; `--full` tries a thousand, and a million jobs.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.scenarios import assert_nothing_is_held, of_tenant, ran

ACCOUNT = st.builds(
    "rpm = {}\ntrue_rpm = {}\nwindow = {!r}\nwindow_seconds = {}\noutside_rpm = {}\n"
    "states_reset = {}\nchanges = [{{ at = 40.5, true_rpm = {} }}]\n{}".format,
    st.sampled_from(['"auto"', "5", "30", "120"]),
    st.integers(3, 120),
    st.sampled_from(["fixed", "sliding", "aligned"]),
    st.sampled_from([1.5, 6, 60]),
    st.sampled_from([0, 1]),
    st.sampled_from(["true", "false"]),
    st.integers(3, 120),
    st.sampled_from(["", "concurrency = 1", "concurrency = 7"]),
)
TENANTS = st.builds(
    '[[tenant]]\nname = "a"\nweight = {}\n{}\n[[tenant]]\nname = "b"\n{}'.format,
    st.integers(1, 9),
    st.sampled_from(["", "max_running = 1", "max_running = 3"]),
    st.sampled_from(["", 'groups = ["x", "y"]']),
)
ARRIVALS = st.builds(
    '[[arrivals]]\ntenant = "a"\ncount = {}\ncancel_at = {}\n{}\non_doubt = "retry"\n'
    '[[arrivals]]\ntenant = "b"\nrate = {}\nuntil = 60\non_doubt = "fail"\nprice = {}'.format,
    st.integers(1, 60),
    st.sampled_from([0, 5, 90]),
    st.sampled_from(["", "cancel_count = 3"]),
    st.sampled_from([0.1, 1.0]),
    st.sampled_from(["0", "0.006", "1"]),
)
FAULTS = st.builds(
    "[faults]\nerror_rate_500 = {}\ntimeout_rate = {}\nredis_flush_at = {}\n{}\n"
    "[workers]\nprocesses = {}\nslots = {}\n[latency]\nsigma = {}\nsend = {}".format,
    st.sampled_from([0, 0.2]),
    st.sampled_from([0, 0.1]),
    st.sampled_from(["[]", "[1, 2.5, 70]"]),
    st.sampled_from(["", "worker_kill_every = 7"]),
    st.integers(1, 3),
    st.sampled_from([1, 8]),
    st.sampled_from([0, 0.5, 3]),
    st.sampled_from([0, 0.02, 2]),
)


def test_nothing_leaks(request: pytest.FixtureRequest) -> None:
    @given(account=ACCOUNT, tenants=TENANTS, arrivals=ARRIVALS, more=FAULTS)
    @settings(max_examples=1_000 if request.config.getoption("--full") else 20, deadline=None)
    def check(account: str, tenants: str, arrivals: str, more: str) -> None:
        found = ran(
            run="seconds = 1000000",
            account=account,
            tenants=tenants,
            arrivals=arrivals,
            more=more,
        )
        assert_nothing_is_held(found)
        assert all(one.jobs == one.succeeded + one.failed + one.canceled for one in found.tenants)

    check()


def test_many_jobs(request: pytest.FixtureRequest) -> None:
    jobs = 1_000_000 if request.config.getoption("--full") else 3_000
    found = ran(
        run="seconds = 10000000",
        account='rpm = 600\ntrue_rpm = 600\nwindow = "sliding"',
        arrivals=f'[[arrivals]]\ntenant = "a"\ncount = {jobs}',
        more="[workers]\nprocesses = 4\nslots = 50",
    )
    assert (found.refused, of_tenant(found, "a").succeeded) == (0, jobs)
    assert_nothing_is_held(found)
