"""The workers: Celery carries tickets, a slot that holds one gets a permit, claims a job and runs it."""
