"""Secrets in the database: sealed under master keys, which are never in it.

Fernet (AES-128-CBC with HMAC-SHA256, a published recipe of `cryptography`): what was changed or was
sealed under another key is refused, not read as something else.
"""

import hashlib
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken

from jobs.errors import CannotDecrypt, InvalidSetting

SETTING = "SEGQ_ENCRYPTION_KEY"
_ALLOWED = "32 random bytes in URL-safe base64 (44 characters); several, the newest first, with commas between"


@dataclass(frozen=True)
class Sealed:
    """A secret as it stands in a row; `master_key` names what it was sealed under."""

    ciphertext: str = field(repr=False)
    master_key: str


class MasterKeys:
    """The newest seals; each opens what was sealed under it. The repr shows ids alone."""

    def __init__(self, text: str) -> None:
        """As `SEGQ_ENCRYPTION_KEY` has them. Raises `InvalidSetting`, which shows no key."""
        self._keys: dict[str, Fernet] = {}
        for one in text.split(","):
            key = one.strip()
            try:
                opener = Fernet(key)
            except ValueError:
                raise InvalidSetting(SETTING, "(not shown)", _ALLOWED) from None
            self._keys.setdefault(_id_of(key), opener)
        self._newest = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"MasterKeys({', '.join(self._keys)})"

    @property
    def newest(self) -> str:
        """The id of the key that seals."""
        return self._newest

    def seal(self, secret: str) -> Sealed:
        """Under the newest key; never twice the same."""
        return Sealed(self._keys[self._newest].encrypt(secret.encode()).decode(), self._newest)

    def opens(self, sealed: Sealed) -> bool:
        """Whether `open` gives a secret."""
        try:
            self.open(sealed)
        except CannotDecrypt:
            return False
        return True

    def open(self, sealed: Sealed) -> str:
        """The secret. Raises `CannotDecrypt`, which says what is lacking."""
        key = self._keys.get(sealed.master_key)
        if key is None:
            raise CannotDecrypt(
                f"it is encrypted under the master key {sealed.master_key}, and {SETTING} has "
                f"{', '.join(self._keys)}: give the former back as well, or add the key again"
            )
        try:
            return key.decrypt(sealed.ciphertext).decode()
        except (InvalidToken, ValueError):  # the latter of what is no ASCII
            raise CannotDecrypt(
                f"its row is damaged: the master key {sealed.master_key} does not open it; add the "
                "key again"
            ) from None


def _id_of(key: str) -> str:
    """Eight hex digits of its hash: a name, which tells nothing of the key's 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]
