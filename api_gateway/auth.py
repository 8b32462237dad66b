"""Who asks, and what its key may do: `Authorization: Bearer segq_…`."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api_gateway import problems
from api_gateway.problems import Problem
from api_gateway.together import Together
from db.api_keys import KEY_PREFIX, KeyStore, Opened, digest
from jobs.errors import NotAllowed
from jobs.scopes import Scope

REMEMBERED_SECONDS = 3.0
"""How long a key is believed without a look. A waiting read asks every 2 s: a revoke holds in 5."""
MOST_REMEMBERED = 10_000
_LONGEST_KEY = 200


class Keys:
    """Looks keys up, and remembers those that open a tenant for a short while, as digests."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._looks = Together(self._opened_by)
        self._known: dict[str, tuple[Opened, float]] = {}

    async def opened_by(self, key: str) -> Opened | None:
        """Whom the key opens; None for an unknown or revoked one."""
        # From before the look: a revoke during it must not be missed for longer.
        now = time.monotonic()
        name = digest(key)
        opened, until = self._known.get(name, (None, 0.0))
        if opened is not None and now < until:
            return opened
        self._known.pop(name, None)
        opened = await self._looks.ask(key)
        if opened is not None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[name] = (opened, now + REMEMBERED_SECONDS)
        return opened

    def _opened_by(self, keys: Sequence[str]) -> list[Opened | None]:
        # When a key is no longer believed, many requests have the same one at once.
        found = {key: self._keys.opened_by(key) for key in set(keys)}
        return [found[key] for key in keys]


_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="api_key",
    description="A key that starts with `segq_`, as `Authorization: Bearer segq_…`. Each operation "
    "names the scope that the key needs.",
)


_Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


async def asking(request: Request, credentials: _Credentials) -> Opened:
    """Whom the key of a request opens; raises a 401 problem."""
    if credentials is None:
        raise _refused("send an API key as Authorization: Bearer segq_…")
    key = credentials.credentials
    keys: Keys = request.app.state.parts.keys
    opened = None
    if key.startswith(KEY_PREFIX) and len(key) <= _LONGEST_KEY:
        opened = await keys.opened_by(key)
    if opened is None:
        raise _refused("this API key is not known or was revoked")
    return opened


def must_have(opened: Opened, scope: Scope, why: str) -> None:
    """Raises `NotAllowed`; `why`: what the scope is needed for."""
    if scope not in opened.scopes:
        raise NotAllowed(scope, why)


async def tenant_asking(request: Request, scope: Scope) -> UUID:
    """The tenant that asks, for who is not called by the framework. Raises `NotAllowed`.

    For what takes long too: raises the 401 problem when the key was revoked in the meantime.
    """
    return _tenant_of(request, await asking(request, await _bearer(request)), scope)


def _needs(scope: Scope) -> Callable[[Request, Opened], Awaitable[UUID]]:
    async def tenant_of(request: Request, opened: Annotated[Opened, Security(asking)]) -> UUID:
        return _tenant_of(request, opened, scope)

    return tenant_of


def _tenant_of(request: Request, opened: Opened, scope: Scope) -> UUID:
    must_have(opened, scope, f"{request.method} {request.url.path}")
    return opened.tenant_id


# The tenant of a key that has the scope.
Submitter = Annotated[UUID, Security(_needs(Scope.SUBMIT), scopes=[Scope.SUBMIT])]
Reader = Annotated[UUID, Security(_needs(Scope.READ), scopes=[Scope.READ])]
Canceler = Annotated[UUID, Security(_needs(Scope.CANCEL), scopes=[Scope.CANCEL])]
ReaderWithKey = Annotated[Opened, Security(asking, scopes=[Scope.READ])]
"""All that the key says; the route itself looks for the scope, here and below."""
CancelerWithKey = Annotated[Opened, Security(asking, scopes=[Scope.CANCEL])]


def _refused(detail: str) -> Problem:
    return Problem(problems.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})
