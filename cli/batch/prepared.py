"""From what was handed over to lines that can be sent: all that is wrong is found before anything is."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from cli.batch.csv_list import unknown_columns
from cli.batch.lines import Line, Lines, twice
from cli.batch.local_images import BadImageError, LocalImages
from cli.batch.matrix import MOST_LINES, Matrix
from cli.batch.models import Models, images_of, properties_of
from cli.batch.price import Kind, kind_of
from cli.batch.templates import names_in
from cli.batch.wrong import Wrong, refuse


@dataclass(frozen=True)
class Given:
    """What a command was given. `defaults`: the input that lines have which do not say it themselves."""

    name: str
    lines: Lines | None
    matrix: Matrix | None
    model: str | None
    defaults: Mapping[str, Any]
    skips_bad: bool


@dataclass
class Prepared:
    """Lines that can be sent. `images`: which of their parameters are which local images (SHA-256)."""

    lines: Lines
    images: dict[str, dict[str, str]] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    """Where the images are, by their SHA-256."""
    kinds: dict[str, Kind] = field(default_factory=dict)
    """What each line's price depends on."""
    digests: dict[str, str] = field(default_factory=dict)
    skipped: list[Wrong] = field(default_factory=list)

    def without(self, refused: Mapping[str, Wrong]) -> "Prepared":
        """Without these lines."""
        kept = [one for one in self.lines.all if one.custom_id not in refused]
        return replace(
            self,
            lines=replace(self.lines, all=kept),
            digests={one.custom_id: self.digests[one.custom_id] for one in kept},
            skipped=[*self.skipped, *refused.values()],
        )


def prepare(given: Given, models: Models, local: LocalImages) -> Prepared:
    """Raises `ComplaintError` that tells everything that is wrong, each with its place."""
    known = {*_parameters(given, models), *names_in(given.defaults)}
    lines, wrong = given.lines, list[Wrong]()
    if given.matrix is not None:
        if lines is None or lines.columns is None:
            wrong += given.matrix.unknown(known)
        lines, taken = given.matrix.crossed(lines, _parameters(given, models))
        wrong += taken
    if lines is None:
        raise TypeError("neither lines nor a matrix")
    if len(lines.all) > MOST_LINES:
        said = f"has {len(lines.all):,} lines, and a batch takes {MOST_LINES:,}"
        wrong.append(Wrong(given.name, said))
    wrong += twice(lines.all)
    # Of a list whose lines have models of their own the gateway looks at each line.
    if lines.columns is not None and "model" not in lines.columns and given.model is not None:
        wrong += unknown_columns(given.name, lines.columns, known)
    found = Prepared(lines)
    bad = _placed(given, found, models, local, wrong)
    if not given.skips_bad:
        wrong += bad.values()
    refuse(wrong)
    own = json.dumps([given.model, given.defaults], sort_keys=True)
    for line in lines.all:
        found.digests[line.custom_id] = _digest(own, lines, line, found.images.get(line.custom_id))
    found = found.without(bad)
    if not found.lines.all:
        refuse(found.skipped)
    return found


def _parameters(given: Given, models: Models) -> Mapping[str, Any]:
    return properties_of(models.get(given.model)) if given.model else {}


def _placed(
    given: Given, found: Prepared, models: Models, local: LocalImages, wrong: list[Wrong]
) -> dict[str, Wrong]:
    """Note each line's model and images; lines whose images are missing or broken, by their names."""
    bad: dict[str, Wrong] = {}
    at: dict[Path, list[tuple[Line, str]]] = {}
    resolved = cache(partial(_resolved, local))
    for line in found.lines.all:
        slug = line.given.get("model") or given.model
        model = models.get(slug) if isinstance(slug, str) else None
        if model is None:
            said = "there is no such model" if slug else "is missing: say `--model`, or here"
            wrong.append(Wrong(line.place, said, "model"))
            continue
        parameters = found.lines.parameters(line)
        found.kinds[line.custom_id] = kind_of(model, {**given.defaults, **_said(parameters)})
        for name, text in _image_texts(model, parameters):
            path = resolved(text)
            if isinstance(path, str):
                bad.setdefault(line.custom_id, Wrong(line.place, path, name))
            elif path is not None:
                at.setdefault(path, []).append((line, name))
    return {**_looked_at(found, local, at), **bad}


def _looked_at(
    found: Prepared, local: LocalImages, at: Mapping[Path, Sequence[tuple[Line, str]]]
) -> dict[str, Wrong]:
    """Note which images these are; lines of which one is broken, by their names."""
    good, broken = local.looked_at(list(at))
    bad: dict[str, Wrong] = {}
    for path, users in at.items():
        for line, name in users:
            if path in broken:
                said = f"{path}: {broken[path]}"
                bad.setdefault(line.custom_id, Wrong(line.place, said, name))
            else:
                found.images.setdefault(line.custom_id, {})[name] = good[path]
                found.paths.setdefault(good[path], path)
    return bad


def _image_texts(
    model: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    for name in images_of(model):
        value = parameters.get(name)
        if isinstance(value, str) and value:
            yield name, value


def _resolved(local: LocalImages, text: str) -> Path | str | None:
    """Where it is, None for an address, or why it is nowhere."""
    try:
        return local.path_of(text)
    except BadImageError as error:
        return str(error)


def _said(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """An empty field of a CSV is one that was not given."""
    return {name: one for name, one in parameters.items() if one is not None and one != ""}


def _digest(own: str, lines: Lines, line: Line, images: Mapping[str, str] | None) -> str:
    """Of all that the line means: another order of columns or another path of an image is the same."""
    whole = lines.with_parameters(line, images) if images else line
    given: Any = whole.given
    if lines.columns is not None:
        given = {name: one for name, one in given.items() if one}
    text = own + json.dumps(given, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def of_images(found: Prepared, refused: Mapping[str, str], ids: Sequence[str]) -> dict[str, Wrong]:
    """Lines among `ids` that have one of these images, which the gateway has refused."""
    places = {line.custom_id: line.place for line in found.lines.all}
    return {
        custom_id: Wrong(places[custom_id], f"{found.paths[digest]}: {refused[digest]}", name)
        for custom_id in ids
        for name, digest in found.images.get(custom_id, {}).items()
        if digest in refused
    }
