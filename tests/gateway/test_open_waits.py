import uuid

from api_gateway.open_waits import LOOKS_PER_SECOND, READ_AGAIN_SECONDS, OpenWaits


def test_a_tenant_with_thousands_of_waits_looks_as_often_as_one_with_fewer() -> None:
    waits = OpenWaits()
    crowd, other = uuid.uuid4(), uuid.uuid4()
    open_ones = [waits.one_more(crowd) for _ in range(10_000)]
    for one in open_ones:
        one.__enter__()
    with waits.one_more(other):
        assert waits.pause(other) == READ_AGAIN_SECONDS
    assert 10_000 / waits.pause(crowd) == LOOKS_PER_SECOND
    for one in open_ones:
        one.__exit__(None, None, None)
    assert waits.pause(crowd) == READ_AGAIN_SECONDS
