"""The Python client's batches, on a whole system."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from segq_client import AsyncClient, BatchResult
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

PHOTO = Path(__file__).parents[2] / "examples" / "images" / "coffee.jpg"
COMMON: dict[str, Any] = {"model": "ssd-canny", "input": {"prompt": "a {animal}"}, "name": "zoo"}
ANIMALS = [f"cat {n}" for n in range(30)]


def lines() -> Iterator[dict[str, Any]]:
    for n, animal in enumerate(ANIMALS):
        yield {"custom_id": f"n{n}", "vars": {"animal": animal}, "input": {"image": PHOTO}}
    yield {"custom_id": "wrong", "vars": {"animal": "cow"}, "input": {"seed": "x", "image": PHOTO}}


def check(one: System, results: list[BatchResult]) -> None:
    assert sorted(found.position for found in results) == list(range(30))
    assert {found.state for found in results} == {"succeeded"}
    assert all(len(found.outputs) == 1 for found in results)
    assert len(one.ledger()) == 30
    prompts = {row["inputs"]["prompt"] for row in one.ledger()}
    assert prompts == {f"a {animal}" for animal in ANIMALS}


@ON_ITS_OWN_PARTS
def test_each_job_is_told_once_as_it_ends_and_the_same_key_goes_on(
    system: Callable[..., System], tmp_path: Path
) -> None:
    one = system(SEGMIND_RPM="6000")
    one.settings(latency={"median": 0.1, "sigma": 0.1}, rpm=6000)
    stream = one.client.batch(lines(), **COMMON, idempotency_key="zoo")
    results = list(stream)
    check(one, results)
    (rejection,) = stream.rejections
    assert (rejection.custom_id, rejection.errors[0]["field"]) == ("wrong", "input.seed")
    saved = one.client.save(results[0].outputs[0], tmp_path / "one.jpg")
    assert saved.stat().st_size == results[0].outputs[0].bytes
    again = one.client.batch(lines(), **COMMON, idempotency_key="zoo")
    assert {found.job_id for found in again} == {found.job_id for found in results}
    assert len(one.ledger()) == 30
    batches = one.client.batches
    (listed,) = batches.all()
    assert (listed.name, listed.state, listed.jobs) == ("zoo", "finished", 30)
    in_order = list(batches.results(listed.id))
    assert [found.custom_id for found in in_order] == [f"n{n}" for n in range(30)]
    assert batches.contact_sheet(listed.id)[:2] == b"\xff\xd8"

    async def asked() -> list[BatchResult]:
        async with AsyncClient(one.gateway, one.run["api_key"]) as client:
            return [found async for found in client.batch(lines(), **COMMON, idempotency_key="zoo")]

    assert {found.job_id for found in asyncio.run(asked())} == {one.job_id for one in in_order}
    assert len(one.ledger()) == 30
