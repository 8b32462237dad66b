"""Images made for tests."""

import base64
import io
import struct
import zlib
from functools import cache
from typing import Any

from PIL import Image

from tests.gateway.gateway_process import ROOT


def picture(kind: str = "JPEG", size: tuple[int, int] = (16, 12), colour: str = "teal") -> bytes:
    return encoded(Image.new("RGB", size, colour), kind)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@cache
def photograph(width: int = 160, height: int = 107) -> Image.Image:
    """A real one, made small."""
    with Image.open(ROOT / "sandbox" / "photographs" / "coffee.jpg") as image:
        return image.convert("RGB").resize((width, height))


def oriented(
    kind: str, orientation: int, image: Image.Image | None = None, **options: Any
) -> bytes:
    """A photograph whose EXIF says how to turn it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera's maker"
    return encoded(image or photograph(), kind, exif=exif, **options)


def bitmap(width: int, height: int) -> bytes:
    """A PNG of one bit a pixel: many pixels in few bytes."""
    return encoded(Image.new("1", (width, height)), "PNG")


def claims(kind: str, width: int, height: int) -> bytes:
    """A small picture whose header claims another size."""
    data = bytearray(picture(kind))
    if kind == "PNG":
        header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
        data[8:33] = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    elif kind == "JPEG":
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    else:
        start = data.index(b"\x9d\x01\x2a") + 3
        data[start : start + 4] = struct.pack("<HH", width, height)
    return bytes(data)


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with these chunks, by name and content, before its picture."""
    data = picture("PNG")
    made = b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return data[:33] + made + data[33:]


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """The JPEG with one more segment at its beginning."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + jpeg[2:]


def with_scans(count: int, image: Image.Image | None = None) -> bytes:
    """A progressive JPEG of so many scans: its last one repeated."""
    data = encoded(image or photograph(), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + b"\xff\xd9"


def data_uri(image: bytes, kind: str = "image/jpeg") -> str:
    return f"data:{kind};base64,{base64.b64encode(image).decode()}"
