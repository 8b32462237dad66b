"""An API key that does not show itself."""

from typing import Final

from jobs.errors import InvalidSetting

HIDDEN = "[key]"


class Key:
    """Holds a key so that a repr, a log line or a traceback's locals show nothing of it."""

    __slots__ = ("_secret",)

    def __init__(self, text: str) -> None:
        """Blanks around the key are dropped, since a file's last line break often comes along.

        Raises `InvalidSetting` for what cannot stand in a header; without that check http.client
        would raise an error that quotes the key.
        """
        secret = text.strip()
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise InvalidSetting("SEGMIND_API_KEY", HIDDEN, "printable ASCII without blanks")
        self._secret: Final = secret

    def reveal(self) -> str:
        """For the `x-api-key` header, and nothing else."""
        return self._secret

    def scrub(self, text: str) -> str:
        """The text without the key, should the provider or a library have quoted it."""
        return text.replace(self._secret, HIDDEN)

    def __repr__(self) -> str:
        return f"Key({HIDDEN})"
