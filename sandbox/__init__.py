"""A stand-in for Segmind's API: a real HTTP server for development and tests.

What it is: SSD-Canny and SSD-1B over v1 and v2, the outputs, the credits endpoint, the request
history, rate limits and charges, judged by the published contract and at least as strictly wherever
that contract is silent, so that a client that passes here passes there. Upstream spreads over
several hosts what is on one origin here. Beside the contract there are, while it runs:

``/_sandbox/ledger``: every call and what it cost, how it ended, and the fault that it met.
``/_sandbox/history``: to forget all calls that started, and end the v2 requests under way.
``/_sandbox/settings``: limits, latency, credits, and what the contract leaves open: how a reset is
    written, whether a client that left is charged, in which form several samples come, what the
    history shows, how late, and under which ids; with a provider whose clock is wrong, someone
    else who uses the key, and teammates whose calls the history shows (settings.py).
``/_sandbox/faults``: rules that break the answer to the requests they match, so and so often:
    another status or body, a TCP reset, silence, half an answer, a dripping or endless one, images
    that are none. A fault takes the place of the call, or lets it run and be paid first and spoils
    only its answer; one kind makes the inference itself fail (fault_rules.py, effects.py).

What it is not: a generator. No model runs; every picture is the edges of the input, coloured by
the seed, above a strip that says SANDBOX. No money moves. What it remembers ends with the process:
in memory, and in a temporary folder for outputs and for images that were sent. Its ``/_sandbox``
paths ask for no key, so it belongs on loopback only.

It imports nothing of the system that it judges: a shared line could hide a shared mistake.
"""
