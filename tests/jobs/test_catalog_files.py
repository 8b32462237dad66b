"""A catalog file that is wrong is refused, with file, member and what is allowed."""

import re
from pathlib import Path

import pytest

from jobs.catalog import CatalogError, parse

GOOD = """
slug = "made-up"
name = "Made up"
description = "Nobody has it."
transport = "v1"
output = "image"
price = "0.01"
price_times = "copies"
images_times = "copies"
typical_seconds = 2

[parameters.photo]
type = "image"
required = true
example = "https://example.org/a.png"
description = "A photograph."

[parameters.copies]
type = "integer"
default = 2
minimum = 1
maximum = 8
description = "How many."

[parameters.weight]
type = "number"
minimum = 0
maximum = 1.5
description = "How much."

[parameters.style]
type = "string"
default = "ink"
allowed = ["ink", "oil"]
description = "How."

[parameters.words]
type = "string"
required = true
max_length = 9
example = "a fox"
description = "What."

[parameters.seed]
type = "integer"
minimum = -1
description = "Which."

[parameters.tiled]
type = "boolean"
default = false
description = "Whether."
"""


def refused(toml: str, file: str = "made-up.toml") -> str:
    with pytest.raises(CatalogError) as caught:
        parse(toml, file)
    text = str(caught.value)
    assert text.startswith(f"{file}: ")
    return text.removeprefix(f"{file}: ")


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def in_parameter(name: str, old: str, new: str) -> str:
    before, head, after = GOOD.partition(f"[parameters.{name}]\n")
    assert old in after
    return before + head + after.replace(old, new, 1)


def test_the_good_one_is_read() -> None:
    model = parse(GOOD, "made-up.toml")
    assert list(model.parameters) == [
        "photo", "copies", "weight", "style", "words", "seed", "tiled",
    ]  # fmt: skip
    assert model.example == {
        "photo": "https://example.org/a.png", "copies": 2, "style": "ink", "words": "a fox",
        "tiled": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("slug = ", "is not TOML: "),
        (changed('slug = "made-up"\n', ""), "slug is missing"),
        (changed('"made-up"', '"Made Up"'), "slug must be small letters, digits and single -"),
        (changed('"made-up"', '"other"'), "slug must be the file's name without .toml; it is 'oth"),
        (changed('name = "Made up"', 'name = " "'), "name must be text, and not empty; it is ' '"),
        (changed('name = "Made up"', "name = 1"), "name must be text, and not empty; it is 1"),
        (changed('"v1"', '"v3"'), 'transport must be one of "v1", "v2"; it is \'v3\''),
        (changed('output = "image"', 'output = "video"'), 'output must be one of "image"; it is'),
        (changed('price = "0.01"', "price = 0.01"), "price must be text"),
        (changed('"0.01"', '"a cent"'), 'price must be decimal text in USD, such as "0.006"'),
        (changed('"0.01"', '"0"'), "price must be more than 0 USD; it is '0'"),
        (changed('"0.01"', '"-1"'), "price must be more than 0 USD; it is '-1'"),
        (changed("seconds = 2", "seconds = 0"), "typical_seconds must be a number of more than 0"),
        (changed("seconds = 2", "seconds = inf"), "typical_seconds must be a number of more"),
        (changed("seconds = 2", "seconds = true"), "typical_seconds must be a number of more"),
        (changed("typical_seconds = 2", "cost = 2"), "cost is no member; there are: slug, name, "),
        (GOOD[: GOOD.index("[parameters")], "parameters must be a table with at least one param"),
        (
            f"{GOOD[: GOOD.index('[parameters')]}[parameters]\n",
            "parameters must be a table with at least one",
        ),
    ],
)
def test_what_is_wrong_with_a_model(toml: str, words: str) -> None:
    assert refused(toml).startswith(words)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("photo", '"image"', '"picture"', 'type must be one of "image", "string", "integer", '),
        ("photo", 'type = "image"\n', "", "type is missing"),
        ("photo", 'description = "A photograph."', "", "description is missing"),
        ("photo", "required = true", "required = 1", "required must be true or false; it is 1"),
        ("photo", "required = true", 'default = "https://x.y/z"', "default cannot be: an image"),
        ("photo", "https:", "http:", "example must be an https URL; it is 'http://example.org"),
        ("photo", "required = true", "minimum = 1", "minimum is for an integer or a number only"),
        ("copies", "default = 2", "default = 9", "default must be from 1 to 8; it is 9"),
        ("copies", "default = 2", "default = 0", "default must be from 1 to 8; it is 0"),
        ("copies", "default = 2", "default = 2.0", "default must be an integer from 1 to 8; it is"),
        ("copies", "default = 2", "default = 2\nexample = 9", "example must be from 1 to 8; it"),
        ("copies", "minimum = 1", "minimum = 9", "minimum must not be more than maximum: 9 > 8"),
        ("copies", "minimum = 1", "minimum = 1.0", "minimum must be an integer, as the parameter"),
        ("copies", "minimum = 1", "minimum = true", "minimum must be an integer, as the parameter"),
        ("copies", "minimum = 1", 'allowed = ["1"]', "allowed is for a string only; the type is i"),
        ("copies", "minimum = 1", "least = 1", "least is no member; there are: type, required, "),
        ("copies", "minimum = 1", "max_length = 1", "max_length is for a string without `allowed`"),
        ("weight", "maximum = 1.5", "maximum = nan", "maximum must be a finite number; it is nan"),
        ("weight", "maximum = 1.5", 'maximum = "1"', "maximum must be a finite number; it is '1'"),
        ("weight", "minimum = 0", "required = true", "example is missing: the API's docs show one"),
        ("style", '"ink"\n', '"pen"\n', "default must be one of ['ink', 'oil']; it is 'pen'"),
        ("style", '["ink", "oil"]', "[]", "allowed must be a list of at least one string; it is"),
        ("style", '["ink", "oil"]', '["ink", 2]', "allowed must be a list of at least one string"),
        ("style", '["ink", "oil"]', '["ink", "ink"]', "allowed names 'ink' twice"),
        ("style", "allowed", "max_length = 3\nallowed", "max_length is for a string without `allow"),
        ("words", "= 9", "= 0", "max_length must be an integer of at least 1; it is 0"),
        ("words", "= 9", "= 4", "example must have at most 4 characters, not 5; it is 'a fox'"),
        ("words", "= 9", '= 9\ndefault = "x"', "default is of no use: a required parameter is alw"),
        ("words", 'example = "a fox"\n', "", "example is missing: the API's docs show one of what"),
        ("words", 'example = "a fox"', "example = 1", "example must be a string; it is 1"),
        ("tiled", "= false", "= 0", "default must be true or false; it is 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_parameter(name: str, old: str, new: str, words: str) -> None:
    told = refused(in_parameter(name, old, new))
    assert told.startswith(f"parameters.{name}.{words}"), told


@pytest.mark.parametrize("member", ["price_times", "images_times"])
@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (('"copies"', '"many"'), "must name an integer parameter (copies, seed); it is 'many'"),
        (('"copies"', '"weight"'), "must name an integer parameter (copies, seed); it is 'weight'"),
        (('"copies"', "3"), "must name an integer parameter (copies, seed); it is 3"),
        (("minimum = 1\n", "minimum = 0\n"), "names copies, which needs a minimum of at least 1"),
        (("minimum = 1\n", ""), "names copies, which needs a minimum of at least 1 and a maximum"),
        (("maximum = 8\n", ""), "names copies, which needs a minimum of at least 1 and a maximum"),
        (("default = 2\n", ""), "names copies, which must be required or have a default"),
    ],
)
def test_what_multiplies_is_a_number_that_every_input_has(
    member: str, toml: tuple[str, str], words: str
) -> None:
    # Only this member is there, so that the other one is not told.
    other = {"price_times": "images_times", "images_times": "price_times"}[member]
    alone = re.sub(f"{other} = .*\n", "", GOOD)
    assert refused(alone.replace(*toml, 1)).startswith(f"{member} {words}")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("minimum = -1", "minimum = 0"),
        ("minimum = -1", "minimum = -1\nmaximum = 4294967295"),
        ('type = "integer"\nminimum = -1', 'type = "number"'),
    ],
)
def test_a_seed_takes_every_seed_that_is_chosen_for_it(old: str, new: str) -> None:
    told = refused(in_parameter("seed", old, new))
    assert told.startswith("parameters.seed must be an integer that may be from -1 to 99999999999")


def test_parameters_are_tables_with_plain_names() -> None:
    assert "parameters.tiled must be a table, not 5" in refused(
        GOOD[: GOOD.index("[parameters.tiled]")].replace(
            "[parameters.photo]", "[parameters]\ntiled = 5\n[parameters.photo]"
        )
    )
    assert refused(changed("[parameters.tiled]", '[parameters."is tiled"]')).startswith(
        "parameters.is tiled must be named in letters, digits and _"
    )


def test_a_folder_with_a_wrong_file_is_refused(tmp_path: Path) -> None:
    from jobs.catalog import load

    (tmp_path / "made-up.toml").write_text(GOOD)
    assert list(load(tmp_path)) == ["made-up"]
    (tmp_path / "second.toml").write_text(GOOD)
    with pytest.raises(CatalogError, match=r"^second\.toml: slug must be the file's name"):
        load(tmp_path)
