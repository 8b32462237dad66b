"""How the processes log: one stream, no secret in it, and how a line of it is shown to people.

Every module logs by `structlog.get_logger()`; `docs/logs.md` lists the events. What turns them into
lines is here: `stream.configure` for a process at its start, `readable` for whoever reads them.
"""
