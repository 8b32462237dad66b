"""Keeps images for a tenant, and finds what a job's `input` refers to."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from api_gateway.images_in import LARGEST_IMAGE, Picture, examine
from db.artifacts import ArtifactStore
from db.inputs import InputStore
from db.rows import Input
from jobs.catalog import MODELS
from jobs.catalog.inputs import INPUT_SCHEME, shown
from jobs.catalog.model import Kind, Model
from jobs.errors import FieldProblem

NO_IMAGE = "refers to no image of yours that is kept; upload it with POST /api/v1/inputs"
IMAGE_FOR_MANY = (
    "would be read anew for each line: upload it once with POST /api/v1/inputs, and refer to it"
)
_DATA = "data:"
_IMAGE_PARAMETERS = frozenset(
    name
    for model in MODELS.values()
    for name, parameter in model.parameters.items()
    if parameter.kind is Kind.IMAGE
)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LONGEST_BASE64 = 4 * -(-LARGEST_IMAGE // 3)


def reference_of(sha256: str) -> str:
    """What stands in a job's input for an image that is kept here."""
    return f"{INPUT_SCHEME}{sha256}"


def sha256_of(reference: object) -> str:
    """The SHA-256 of the image that a reference names; raises `ValueError`."""
    sha256 = reference.removeprefix(INPUT_SCHEME) if isinstance(reference, str) else ""
    if not _SHA256.fullmatch(sha256) or reference != reference_of(sha256):
        raise ValueError(f"must be {INPUT_SCHEME} and 64 hexadecimal digits in lower case")
    return sha256


def has_kept_images(model: Model, given: Mapping[str, Any]) -> bool:
    """Whether an image of the input came with it, or was uploaded before."""
    return any(
        parameter.kind is Kind.IMAGE and str(given.get(name)).startswith((_DATA, INPUT_SCHEME))
        for name, parameter in model.parameters.items()
    )


def is_image_inside(name: str, value: object) -> bool:
    """Whether a parameter of this name, of whatever model, would hold an image itself."""
    return name in _IMAGE_PARAMETERS and isinstance(value, str) and value.startswith(_DATA)


@dataclass(frozen=True)
class KeptImages:
    """The images that callers sent, bytes and rows. One for each request: what it has seen it
    remembers, since the lines of a batch may all refer to the same few.
    """

    inputs: InputStore
    artifacts: ArtifactStore
    seen: set[tuple[UUID, str]] = field(default_factory=set)

    def keep(self, tenant_id: UUID, picture: Picture) -> Input:
        """Keep a checked image: its bytes, then its row, so that no row stands without them.

        Before the work that it is for, because a large image must not be flushed inside a
        transaction. If that work is refused the image stays unused, and is removed in its time.
        """
        while True:
            known = self.inputs.renew(tenant_id, picture.sha256)
            row = known or self._new(tenant_id, picture)
            if not self.artifacts.has(row.artifact):
                self.artifacts.put(row.artifact, picture.data)
            # Else it was uploaded and removed again while this process had stopped.
            if known is not None or self.inputs.add(row):
                return row

    def _new(self, tenant_id: UUID, picture: Picture) -> Input:
        generation = self.inputs.next_generation(tenant_id, picture.sha256)
        place = f"inputs/{tenant_id}/{picture.sha256}"
        return Input(
            tenant_id=tenant_id,
            sha256=picture.sha256,
            artifact=f"{place}-{generation}" if generation else place,
            content_type=picture.content_type,
            width=picture.width,
            height=picture.height,
            bytes=len(picture.data),
            generation=generation,
        )

    def resolve(
        self, tenant_id: UUID, model: Model, given: Mapping[str, Any]
    ) -> tuple[dict[str, Picture], list[FieldProblem]]:
        """The pictures that came inside the input, by parameter, and what is wrong with images.

        Keeps nothing. What is no text, or a web address, is left to the catalog's own check.
        """
        pictures: dict[str, Picture] = {}
        problems: list[FieldProblem] = []
        for name, parameter in model.parameters.items():
            value = given.get(name)
            if parameter.kind is not Kind.IMAGE or not isinstance(value, str):
                continue
            try:
                if value.startswith(_DATA):
                    pictures[name] = examine(decode_data_uri(value))
                elif value.startswith(INPUT_SCHEME):
                    self._must_exist(tenant_id, sha256_of(value))
            except ValueError as error:
                problems.append(FieldProblem(f"input.{name}", str(error), shown(value)))
        return pictures, problems

    def _must_exist(self, tenant_id: UUID, sha256: str) -> None:
        if (tenant_id, sha256) in self.seen:
            return
        if self.inputs.get(tenant_id, sha256) is None:
            raise ValueError(NO_IMAGE)
        self.seen.add((tenant_id, sha256))


def decode_data_uri(uri: str) -> bytes:
    """The bytes of a base64 `data:` URI (RFC 2397); raises `ValueError`.

    The type that it names is not looked at: the content decides, as with an upload.
    """
    head, comma, text = uri.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise ValueError("must be a data: URI in base64, such as data:image/png;base64,iVBOR…")
    if len(text) > _LONGEST_BASE64:
        raise ValueError(f"must hold at most {LARGEST_IMAGE:,} bytes")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"is no valid base64: {error}") from None
