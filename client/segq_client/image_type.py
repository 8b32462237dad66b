"""What an upload says of its content."""


def image_type(content: bytes) -> str:
    """The type as the first bytes say; the gateway looks itself and refuses what is no image."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return "application/octet-stream"
