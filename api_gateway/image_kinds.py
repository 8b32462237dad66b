"""Names what a file is by its first bytes, so that a refusal can say it."""

import re

_BY_START = (
    (b"\xff\xd8\xff", "a JPEG"),
    (b"\x89PNG\r\n\x1a\n", "a PNG"),
    (b"GIF87a", "a GIF"),
    (b"GIF89a", "a GIF"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"II+\0", "a TIFF"),
    (b"MM\0+", "a TIFF"),
    (b"BM", "a BMP"),
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\1\0", "an icon"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"%PDF-", "a PDF"),
    (b"%!PS", "a PostScript file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_BRANDS = (
    ({b"avif", b"avis"}, "an AVIF"),
    ({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}, "a HEIC"),
)
_MARKUP = (
    (re.compile(rb"<svg[\s>]", re.IGNORECASE), "an SVG"),
    (re.compile(rb"<(!doctype html|html|head|body|script)[\s>]", re.IGNORECASE), "an HTML page"),
)
_MARKUP_WITHIN = 1024


def name_of(data: bytes) -> str | None:
    """What it looks like, with its article, such as "a GIF"; None for what is not known."""
    for start, name in _BY_START:
        if data.startswith(start):
            return name
    if data[:4] == b"RIFF":
        return "a WebP" if data[8:12] == b"WEBP" else "a RIFF file of sound or video"
    if data[4:8] == b"ftyp":
        # AVIF and HEIC may both name mif1 first; the compatible brands tell them apart.
        brands = {data[at : at + 4] for at in (8, *range(16, min(len(data), 64), 4))}
        return next((name for known, name in _BRANDS if known & brands), "a video")
    return _markup(data[:_MARKUP_WITHIN])


def _markup(head: bytes) -> str | None:
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return None
    return next((name for mark, name in _MARKUP if mark.search(head)), None)
