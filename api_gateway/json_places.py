"""Names the place of a value inside a JSON document, such as `metadata.orders[2].price`."""

from typing import Any

LONGEST_PLACE = 200
"""Characters. One name of 20 MB over a list of 100,000 would else fill the memory with places."""


def below(place: str, value: Any) -> list[tuple[str, Any]]:
    """The values directly inside one that stands at `place`, each with its own place."""
    if len(place) > LONGEST_PLACE:
        place = f"{place[: LONGEST_PLACE - 1]}…"
    if isinstance(value, dict):
        return [
            (f"{place}.{name[:LONGEST_PLACE]}" if place else name[:LONGEST_PLACE], inner)
            for name, inner in value.items()
        ]
    if isinstance(value, list):
        return [(f"{place}[{at}]", inner) for at, inner in enumerate(value)]
    return []
