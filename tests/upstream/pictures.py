import functools
import io
import struct
import zlib

from PIL import Image


@functools.cache
def picture(kind: str, size: tuple[int, int] = (16, 8), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 200 if mode == "L" else None).save(file, kind)
    return file.getvalue()


def jpeg() -> bytes:
    return picture("JPEG")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_that_claims(width: int, height: int) -> bytes:
    """A few bytes whose header names any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = _chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + data + _chunk(b"IEND", b"")


def webp_that_claims(width: int, height: int) -> bytes:
    """An extended WebP header with a canvas of any size (up to 16,777,216 a side)."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body


@functools.cache
def animated(kind: str, frames: int = 5) -> bytes:
    """Frames that differ, as WebP, GIF or PNG (APNG) keep them."""
    size, file = (64, 64), io.BytesIO()
    first, *others = (Image.effect_noise(size, 50 + n).convert("RGB") for n in range(frames))
    options = {"lossless": True} if kind == "WEBP" else {}
    first.save(file, kind, save_all=True, append_images=others, duration=100, **options)
    return file.getvalue()


def blank_png(side: int) -> bytes:
    """A whole RGBA image of one colour: its file is a thousandth of what it unpacks to."""
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    packer = zlib.compressobj(1)
    row = bytes(1 + 4 * side)
    data = b"".join([packer.compress(row) for _ in range(side)] + [packer.flush()])
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff_in_one_tile(side: int, tile: int) -> bytes:
    """A small TIFF whose single tile claims to be of any size."""
    data = zlib.compress(bytes(1000))
    tags = [
        (256, 4, side),
        (257, 4, side),
        (258, 3, 8),
        (259, 3, 8),
        (262, 3, 1),
        (277, 3, 1),
        (322, 4, tile),
        (323, 4, tile),
        (324, 4, 8),
        (325, 4, len(data)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory
