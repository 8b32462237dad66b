"""Whole numbers among the words of a command."""

import argparse


def count(text: str) -> int:
    """From 1. Raises `ArgumentTypeError`."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)
