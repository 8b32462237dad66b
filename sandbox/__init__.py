"""A stand-in for Segmind's API: a real HTTP server for development and tests.

What it is: SSD-Canny and SSD-1B over v1, the credits endpoint, rate limits and charges, judged by
the published contract and at least as strictly wherever that contract is silent, so that a client
that passes here passes there. Beside the contract there are, while it runs:

``/_sandbox/ledger``: every call and what it cost, and the fault that it met.
``/_sandbox/settings``: limits, latency, credits, and what the contract leaves open: how a reset is
    written, whether a client that left is charged, in which form several samples come; with a
    provider whose clock is wrong, and someone else who uses the key (settings.py).
``/_sandbox/faults``: rules that break the answer to the calls they match, so and so often: another
    status or body, a TCP reset, silence, half an answer, a dripping or endless one, images that
    are none. A fault takes the place of the call, or lets it run and be paid first and spoils only
    its answer (fault_rules.py, effects.py).

What it is not: a generator. No model runs; every picture is the edges of the input, coloured by
the seed, above a strip that says SANDBOX. No money moves. It has no state on disk, and its
``/_sandbox`` paths ask for no key, so it belongs on loopback only.

It imports nothing of the system that it judges: a shared line could hide a shared mistake.
"""
