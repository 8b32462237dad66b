from cli.backoff import Backoff


def test_waits_double_from_half_a_second_to_thirty() -> None:
    series = Backoff()
    waits = []
    for _ in range(9):
        series = series.after_death(lived=1.0)
        waits.append(series.wait)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_good_life_begins_a_new_series() -> None:
    series = Backoff(deaths=8)
    assert series.after_death(lived=59.9).wait == 30.0
    assert series.after_death(lived=60.0).wait == 0.5


def test_weeks_of_deaths_do_not_overflow() -> None:
    assert Backoff(deaths=100_000).wait == 30.0
