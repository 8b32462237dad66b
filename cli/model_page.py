"""docs/models.md, from the catalog: `python -m cli.model_page` writes it again."""

from collections.abc import Iterable, Iterator

from cli.checkout import ROOT
from cli.model_form import Field, command_of, fields_of, seconds_of
from jobs import money
from jobs.catalog import MODELS, Model
from jobs.catalog.schema import input_schema

PLACE = ROOT / "docs" / "models.md"
COMMAND = ".venv/bin/python -m cli.model_page"

_HEAD = f"""# Models

Written from the catalog, `jobs/catalog/*.toml`, by `{COMMAND}`; a test compares the two.
[How to add a model](add-a-model.md) says what each member of such a file means. A running system says the
same at `GET /api/v1/models`, in its API docs at `/docs`, and with `segq models`.

Prices and seconds are those of the models' own pages; what a call did cost comes with its answer.
"""


def page(models: Iterable[Model]) -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *(line for model in models for line in _section(model))])


def _section(model: Model) -> Iterator[str]:
    shown = {
        "slug": model.slug,
        "typical_seconds": model.typical_seconds,
        "input_schema": input_schema(model),
        "example": model.example,
    }
    unit = f"each of its `{model.price_times}`" if model.price_times else "a call"
    yield f"## {model.name}\n"
    yield f"`{model.slug}`: {model.description}\n"
    yield (
        f"${money.text(model.unit_price)} for {unit}, typically {seconds_of(shown)} a call; "
        f"transport {model.transport}, output {model.output}.\n"
    )
    yield f"```sh\n./{command_of(shown)}\n```\n"
    yield "| parameter | type | | allowed | means |"
    yield "|---|---|---|---|---|"
    yield from (_row(field) for field in fields_of(shown))
    yield ""


def _row(field: Field) -> str:
    cells = (f"`{field.name}`", field.kind, field.need, field.allowed, field.description)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    PLACE.write_text(page(MODELS.values()), "utf-8")
    print(f"wrote {PLACE}")
