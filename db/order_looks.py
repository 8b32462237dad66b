"""The two looks of the order: a pool's tenants with queued work, and a tenant's groups with any.

They find the distinct members by hopping from one to the next in the order's index, and fetch with
them what decides about them: passes, clocks, caps, pauses, and whether there is a budget.
"""

from sqlalchemy import Uuid, bindparam, text

from db.eligibility import OF_GROUP, OF_TENANT

# Every look below asks for the whole order of the index (pool, tenant, priority, group, id), though
# its first row is all it wants. Another index that begins alike would find a first row too, and
# PostgreSQL takes it when most jobs are queued as it last counted; then it steps over all that have
# ended since. For the same reason priority and group are compared as a row there and not for
# equality: what is equal to a constant drops out of an order.

# Tenants with queued work, each with its weight, its pass and the level's clock. Ids are compared
# as 32 hex digits: one database prints a UUID with hyphens, the other keeps it without.
_TENANTS = """
WITH RECURSIVE hop(member) AS (
  SELECT (SELECT tenant_id FROM jobs WHERE pool = :pool AND state = 'queued' AND held_for IS NULL
          ORDER BY tenant_id, priority, group_name, id LIMIT 1)
  UNION ALL
  SELECT (SELECT tenant_id FROM jobs WHERE pool = :pool AND state = 'queued' AND held_for IS NULL
          AND tenant_id > hop.member ORDER BY tenant_id, priority, group_name, id LIMIT 1)
  FROM hop WHERE hop.member IS NOT NULL
)
SELECT t.id, t.weight, {of_tenant}, coalesce(p.pass, 0) AS passed, coalesce(l.clock, 0) AS clock
FROM hop
JOIN tenants t ON t.id = hop.member
LEFT JOIN order_levels l ON l.level = :level
LEFT JOIN order_passes p
  ON p.level = :level AND p.member = replace(CAST(hop.member AS TEXT), '-', '')
"""

_OF_TENANT = ", ".join(f"{sql.format(tenants='t')} AS {name}" for name, sql in OF_TENANT.items())
TENANTS = text(_TENANTS.replace("{of_tenant}", _OF_TENANT)).columns(id=Uuid)
"""By `pool` and `level`."""

# The groups of a tenant's highest priority below :above that has queued work, likewise.
_GROUPS = """
WITH RECURSIVE hop(priority, member) AS (
  SELECT first.priority, first.group_name FROM (
    SELECT priority, group_name FROM jobs
    WHERE pool = :pool AND state = 'queued' AND held_for IS NULL
    AND tenant_id = :tenant AND priority > :above
    ORDER BY priority, group_name, id LIMIT 1
  ) AS first
  UNION ALL
  SELECT hop.priority, (
    SELECT group_name FROM jobs WHERE pool = :pool AND state = 'queued' AND held_for IS NULL
    AND tenant_id = :tenant AND {next_group}
    ORDER BY priority, group_name, id LIMIT 1
  ) FROM hop WHERE hop.member IS NOT NULL
)
SELECT hop.priority, hop.member, {of_group}, coalesce(p.pass, 0) AS passed, coalesce(l.clock, 0) AS clock
FROM hop
LEFT JOIN order_levels l ON l.level = CAST(:prefix AS TEXT) || hop.priority
LEFT JOIN order_passes p
  ON p.level = CAST(:prefix AS TEXT) || hop.priority AND p.member = hop.member
LEFT JOIN tenant_groups g ON g.tenant_id = :tenant AND g.group_name = hop.member
WHERE hop.member IS NOT NULL
"""
_NEXT_GROUP = {
    "postgresql": "(priority, group_name) > (hop.priority, hop.member) "
    "AND priority <= hop.priority",
    # Here a row would be looked up by its first column alone.
    "sqlite": "priority = hop.priority AND group_name > hop.member",
}
_OF_GROUP = ", ".join(f"g.{name}" for name in OF_GROUP)
GROUPS = {
    dialect: text(
        _GROUPS.replace("{next_group}", words).replace("{of_group}", _OF_GROUP)
    ).bindparams(bindparam("tenant", type_=Uuid))
    for dialect, words in _NEXT_GROUP.items()
}
"""Of each dialect, by `pool`, `tenant`, `above` (a rank) and `prefix` of the level."""
