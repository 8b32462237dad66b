"""The tables. Money is an integer of 10⁻¹⁰ USD; ids are UUIDv7, so they sort by creation."""

from db.tables.accounts import account_keys, accounts, model_pauses
from db.tables.answers import idempotency_keys
from db.tables.attempts import attempts
from db.tables.backfills import backfills
from db.tables.batches import (
    batch_changes,
    batch_lines,
    batch_rejections,
    batch_totals,
    batches,
)
from db.tables.budgets import budget_periods, budgets
from db.tables.columns import metadata
from db.tables.files import artifact_store, inputs, outputs, removals
from db.tables.jobs import job_tags, job_uploads, jobs
from db.tables.order import order_levels, order_passes
from db.tables.tenants import api_keys, tenant_groups, tenant_queues, tenants

__all__ = [
    "account_keys",
    "accounts",
    "api_keys",
    "artifact_store",
    "attempts",
    "backfills",
    "batch_changes",
    "batch_lines",
    "batch_rejections",
    "batch_totals",
    "batches",
    "budget_periods",
    "budgets",
    "idempotency_keys",
    "inputs",
    "job_tags",
    "job_uploads",
    "jobs",
    "metadata",
    "model_pauses",
    "order_levels",
    "order_passes",
    "outputs",
    "removals",
    "tenant_groups",
    "tenant_queues",
    "tenants",
]
