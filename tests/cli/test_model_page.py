"""The page about the models is what the catalog gives."""

from cli.model_page import COMMAND, PLACE, page
from jobs.catalog import MODELS


def test_the_page_is_the_catalogs() -> None:
    assert PLACE.read_text("utf-8") == page(MODELS.values()), (
        f"docs/models.md is not what the catalog gives: write it again with `{COMMAND}`"
    )


def test_every_parameter_of_every_model_stands_on_it() -> None:
    _, *sections = page(MODELS.values()).split("\n## ")
    assert len(sections) == len(MODELS)
    for section, model in zip(sections, MODELS.values(), strict=True):
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == list(model.parameters)
        assert all(row.count(" | ") == 4 for row in rows)
