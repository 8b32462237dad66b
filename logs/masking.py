"""Keeps secrets out of what is written: by value, as the environment has them, and by their form."""

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote

MASKED = "[secret]"
SHORTEST = 6
"""Characters. A shorter value is left in: with it half of every line would be masked."""

_SECRET_NAME = re.compile(r"(KEYS?|PASSWORD|PASSWD|SECRET|TOKEN|AUTH)$", re.IGNORECASE)
"""By its name, not from a list: libraries read variables of their own (`PGPASSWORD`)."""
_IN_A_QUERY = re.compile(
    r"[?&][^=&]*(?:password|passwd|secret|token)[^=&]*=([^&#]+)", re.IGNORECASE
)
_CUTS = re.compile(r"[/?#@:;,]+")
"""Where readers of URLs cut one. A password that holds one of these unescaped is quoted in pieces
by the error that says so ("Port could not be cast to integer value as 'half-a-password'")."""
_FORMS = re.compile(
    r"(?P<url>://[^\s/:@\"']*:)[^\s/\"']+@"  # a password in a URL
    r"|segq_[!-~]{20,}"  # a key to this API: callers' keys are in no environment
    r"|SG_[0-9A-Za-z]{16,}"  # a key to Segmind (segmind-api §9)
)


class Mask:
    """Knows the secrets of one environment, and those that it is told later."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Reads what stands there now."""
        self._known = frozenset[str]()
        self._values: re.Pattern[str] | None = None
        self.learn(*(secret for name, value in environ.items() for secret in _secrets(name, value)))

    def learn(self, *secrets: str) -> None:
        """Know these too from now on."""
        found = {form for secret in secrets for form in _written(secret) if len(form) >= SHORTEST}
        if found <= self._known:
            return
        self._known |= found
        # The longest first, or a part of it would be replaced and the rest left.
        values = sorted(self._known, key=lambda value: (-len(value), value))
        self._values = re.compile("|".join(map(re.escape, values)))

    def __call__(self, text: str) -> str:
        """The text without what must not be seen."""
        if self._values is not None:
            text = self._values.sub(MASKED, text)
        return _FORMS.sub(_masked_form, text)


def _masked_form(found: re.Match[str]) -> str:
    url: str | None = found["url"]
    return MASKED if url is None else f"{url}{MASKED}@"


def _secrets(name: str, value: str) -> Iterator[str]:
    """The secrets that a variable holds; of what holds a user and a password, the password."""
    if _SECRET_NAME.search(name):
        yield value.strip()
        for one in re.split(r"[,\n]", value):  # some take several of them
            yield one.strip()
            yield one.partition("=")[2].strip()  # of an account's name and its key
            user, colon, password = one.partition(":")
            if colon:
                yield from _of_pair(user, password)
    _, scheme, rest = value.partition("://")
    user, colon, password = rest.rpartition("@")[0].partition(":")
    if scheme and colon:
        yield from _of_pair(user, password)
        yield from _CUTS.split(password)
    yield from _IN_A_QUERY.findall(value)


def _of_pair(user: str, password: str) -> Iterator[str]:
    yield password
    # As HTTP sends it, to a proxy and to Flower.
    pair = f"{unquote(user)}:{unquote(password)}"
    yield base64.b64encode(pair.encode()).decode()


def _written(secret: str) -> Iterator[str]:
    """The ways in which programs write it."""
    for form in (secret, unquote(secret)):
        yield form
        yield quote(form, safe="")
        yield repr(form)[1:-1]
