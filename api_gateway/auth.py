"""Who asks: `Authorization: Bearer segq_…`."""

import time
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api_gateway import problems
from api_gateway.problems import Problem
from api_gateway.together import Together
from db.tenants import KEY_PREFIX, TenantStore, digest

REMEMBERED_SECONDS = 3.0
"""How long a key is believed without a look. A waiting read asks every 2 s: a revoke holds in 5."""
MOST_REMEMBERED = 10_000
_LONGEST_KEY = 200


class Keys:
    """Looks keys up, and remembers those that open a tenant for a short while, as digests."""

    def __init__(self, tenants: TenantStore) -> None:
        self._tenants = tenants
        self._looks = Together(self._tenants_of)
        self._known: dict[str, tuple[UUID, float]] = {}

    async def tenant_of(self, key: str) -> UUID | None:
        """The tenant whom the key opens; None for an unknown or revoked one."""
        # From before the look: a revoke during it must not be missed for longer.
        now = time.monotonic()
        name = digest(key)
        tenant, until = self._known.get(name, (None, 0.0))
        if tenant is not None and now < until:
            return tenant
        self._known.pop(name, None)
        tenant = await self._looks.ask(key)
        if tenant is not None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[name] = (tenant, now + REMEMBERED_SECONDS)
        return tenant

    def _tenants_of(self, keys: Sequence[str]) -> list[UUID | None]:
        # When a key is no longer believed, many requests have the same one at once.
        found = {key: self._tenants.of_key(key) for key in set(keys)}
        return [found[key] for key in keys]


_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="api_key",
    description="A key that starts with `segq_`, as `Authorization: Bearer segq_…`.",
)


async def tenant_of(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> UUID:
    """The tenant that asks; raises a 401 problem."""
    if credentials is None:
        raise _refused("send an API key as Authorization: Bearer segq_…")
    key = credentials.credentials
    keys: Keys = request.app.state.parts.keys
    tenant = None
    if key.startswith(KEY_PREFIX) and len(key) <= _LONGEST_KEY:
        tenant = await keys.tenant_of(key)
    if tenant is None:
        raise _refused("this API key is not known or was revoked")
    return tenant


async def tenant_asking(request: Request) -> UUID:
    """`tenant_of` for who is not called by the framework.

    For what takes long too: raises the 401 problem when the key was revoked in the meantime.
    """
    return await tenant_of(request, await _bearer(request))


Tenant = Annotated[UUID, Depends(tenant_of)]


def _refused(detail: str) -> Problem:
    return Problem(problems.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})
