"""A self-signed certificate for 127.0.0.1, made here: no private key lies in the repository."""

import base64
import hashlib
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

_RSA = "300d06092a864886f70d0101010500"
_SHA256_RSA = "300d06092a864886f70d01010b0500"
_SHA256_DIGEST = "3031300d060960864801650304020105000420"
_COMMON_NAME = "0603550403"
_ALTERNATIVE_NAME = "0603551d11"
_BASIC_CONSTRAINTS = "0603551d13"
_EXPONENT = 65_537


def write_self_signed(folder: Path) -> Path:
    """A PEM file with key and certificate. Toy randomness: nothing else may trust it."""
    chosen = random.Random(20_260_901)
    p, q = _prime(chosen), _prime(chosen)
    n, d = p * q, pow(_EXPONENT, -1, math.lcm(p - 1, q - 1))
    key = [0, n, _EXPONENT, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)]
    path = folder / "self-signed.pem"
    path.write_text(
        _pem("RSA PRIVATE KEY", _tag(0x30, *map(_integer, key)))
        + _pem("CERTIFICATE", _certificate(n, d))
    )
    return path


def _certificate(n: int, d: int) -> bytes:
    name = _tag(0x30, _tag(0x31, _tag(0x30, bytes.fromhex(_COMMON_NAME), _tag(0x0C, b"loopback"))))
    now = datetime.now(UTC)
    times = [_tag(0x17, f"{now + timedelta(days=days):%y%m%d%H%M%S}Z".encode()) for days in (-1, 9)]
    public = _tag(0x30, _integer(n), _integer(_EXPONENT))
    address = _tag(0x30, _tag(0x87, bytes([127, 0, 0, 1])))
    authority = _tag(0x30, _tag(0x01, b"\xff"))
    extensions = _tag(
        0x30,
        _tag(0x30, bytes.fromhex(_ALTERNATIVE_NAME), _tag(0x04, address)),
        _tag(0x30, bytes.fromhex(_BASIC_CONSTRAINTS), _tag(0x04, authority)),
    )
    signed = _tag(
        0x30,
        _tag(0xA0, _integer(2)),
        _integer(1),
        bytes.fromhex(_SHA256_RSA),
        name,
        _tag(0x30, *times),
        name,
        _tag(0x30, bytes.fromhex(_RSA), _tag(0x03, b"\0", public)),
        _tag(0xA3, extensions),
    )
    digest = bytes.fromhex(_SHA256_DIGEST) + hashlib.sha256(signed).digest()
    size = (n.bit_length() + 7) // 8
    padded = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
    signature = pow(int.from_bytes(padded), d, n).to_bytes(size)
    return _tag(0x30, signed, bytes.fromhex(_SHA256_RSA), _tag(0x03, b"\0", signature))


def _prime(chosen: random.Random) -> int:
    small = [
        number for number in range(3, 2_000, 2) if all(number % i for i in range(3, number, 2))
    ]
    while True:
        # The two top bits are set, so that two of these make 2,048 bits.
        number = chosen.getrandbits(1_024) | 3 << 1_022 | 1
        if all(number % one for one in small) and pow(2, number - 1, number) == 1:
            return number


def _tag(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def _integer(number: int) -> bytes:
    return _tag(0x02, number.to_bytes(number.bit_length() // 8 + 1))


def _pem(kind: str, der: bytes) -> str:
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN {kind}-----\n{text}-----END {kind}-----\n"
