"""What `--set` says for all lines, its local images among it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.batch.local_images import BadImageError, LocalImages
from cli.batch.matrix import typed
from cli.batch.models import images_of, properties_of
from cli.batch.wrong import Wrong, refuse


@dataclass(frozen=True)
class Defaults:
    """`values`: with an image's SHA-256 in its place, so that its content counts, not its path."""

    values: Mapping[str, Any]
    images: Mapping[str, str]
    paths: Mapping[str, Path]

    def placed(self, local: LocalImages) -> dict[str, Any]:
        """As they are sent, once the images were uploaded."""
        found = {name: local.reference(digest) for name, digest in self.images.items()}
        return {**self.values, **found}


def defaults_of(
    said: Mapping[str, str], model: Mapping[str, Any] | None, local: LocalImages
) -> Defaults:
    """Raises `ComplaintError` for an image that is missing or broken."""
    properties = properties_of(model)
    unknown = [name for name in said if model is not None and name not in properties]
    there = ", ".join(properties)
    refuse([Wrong("--set", f"is no parameter; there are {there}", one) for one in unknown])
    values = {name: typed(text, properties.get(name, {})) for name, text in said.items()}
    images: dict[str, str] = {}
    paths: dict[str, Path] = {}
    wrong: list[Wrong] = []
    for name in images_of(model):
        # What a template comes to is known only for each line, and there it is an address.
        if name not in said or "{" in said[name]:
            continue
        try:
            path = local.path_of(said[name], [Path.cwd()])
        except BadImageError as error:
            wrong.append(Wrong("--set", str(error), name))
            continue
        if path is None:
            continue
        good, bad = local.looked_at([path])
        if path in bad:
            wrong.append(Wrong("--set", f"{path}: {bad[path]}", name))
        else:
            images[name] = values[name] = good[path]
            paths[good[path]] = path
    refuse(wrong)
    return Defaults(values, images, paths)
