"""A system that exists in memory alone: the rules of `jobs/` over a virtual clock.

Nothing here talks to a server. Whoever wants to know what another limit, more tenants or a worse
provider would do to their queue asks here first: a day takes seconds, and spends nothing.

Times are integers in microseconds from the run's beginning, except where a name says otherwise.
"""
