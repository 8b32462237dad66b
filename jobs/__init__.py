"""The rules of segq: pure functions and frozen values, standard library only.

No I/O, no clock, no environment: `now` and randomness come in as arguments, decisions go out as
values. Everything else in this repository asks here before it acts.
"""
