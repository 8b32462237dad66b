"""Why a tenant's jobs wait, as the claim would see it: for whoever asks about one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import literal_column, or_, select

from db.eligibility import OF_TENANT, LeftOut, of_groups, of_tenants
from db.engine import Database
from db.tables import tenant_groups, tenants
from jobs.states import WaitingFor


@dataclass(frozen=True)
class TenantWaits:
    """Why the whole tenant is left out, and why some of its groups are."""

    whole: LeftOut | None
    groups: Mapping[str, LeftOut]

    def of(self, group: str) -> LeftOut | None:
        """What a job of the group waits for that is not upstream; None: for nothing here."""
        found = [one for one in (self.whole, self.groups.get(group)) if one is not None]
        # What somebody has stopped by hand lasts longest.
        return min(found, key=lambda one: one.reason is not WaitingFor.PAUSED, default=None)


def tenant_waits(database: Database, tenant_id: UUID) -> TenantWaits:
    """Why the tenant's jobs wait now."""
    with database.read() as connection:
        rows = connection.execute(_DECIDES.where(tenants.c.id == tenant_id)).all()
        groups = connection.execute(
            select(tenant_groups).where(
                tenant_groups.c.tenant_id == tenant_id,
                or_(
                    tenant_groups.c.max_running.is_not(None),
                    tenant_groups.c.paused_at.is_not(None),
                ),
            )
        ).all()
        found = of_tenants(connection, rows)
        whole = found.left_out.get(tenant_id) or found.waited.get(tenant_id)
        of_name = {row.group_name: row for row in groups}
        return TenantWaits(whole, of_groups(connection, tenant_id, of_name).left_out)


_DECIDES = select(
    tenants.c.id,
    *(
        literal_column(sql.format(tenants=tenants.name)).label(name)
        for name, sql in OF_TENANT.items()
    ),
)
