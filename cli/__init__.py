"""``segq``: runs the whole system on one machine and talks to it from a terminal.

Nothing here knows how a job is generated: the supervisor starts the other packages as processes,
and every command that needs a job done speaks HTTP through `segq_client`.
"""
