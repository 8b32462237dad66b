"""A stand-in for Segmind's API: a real HTTP server for development and tests.

What it is: SSD-Canny over v1, the credits endpoint, rate limits and charges, judged by the
published contract and at least as strictly wherever that contract is silent, so that a client
that passes here passes there. Beside the contract, ``/_sandbox/ledger`` tells every call and
what it cost, and ``/_sandbox/settings`` changes limits, latency and credits while it runs.

What it is not: a generator. No model runs; every picture is the edges of the input, coloured by
the seed, above a strip that says SANDBOX. No money moves. It has no state on disk, and its
``/_sandbox`` paths ask for no key, so it belongs on loopback only.

It imports nothing of the system that it judges: a shared line could hide a shared mistake.
"""
