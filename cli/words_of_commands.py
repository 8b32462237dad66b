"""The words of every command, read from what each says to `argparse`."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Words:
    """What may be typed at one place: further commands, and options."""

    verbs: tuple[str, ...]
    options: tuple[str, ...]


def words_of(modules: Mapping[str, Any]) -> dict[tuple[str, ...], Words]:
    """By the commands that were typed before; () is the beginning. `modules` by their commands."""
    found: dict[tuple[str, ...], Words] = {(): Words(tuple(modules), ("--help",))}
    for name, module in modules.items():
        parser = argparse.ArgumentParser(prog=f"segq {name}")
        module.add_arguments(parser)
        _walk((name,), parser, found)
    return found


def _walk(
    place: tuple[str, ...],
    parser: argparse.ArgumentParser,
    found: dict[tuple[str, ...], Words],
) -> None:
    verbs: dict[str, argparse.ArgumentParser] = {}
    options: list[str] = []
    choices: list[str] = []
    for action in parser._actions:  # noqa: SLF001 (argparse tells its options no other way)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 (as above)
            verbs |= action.choices
        elif action.option_strings:
            options += action.option_strings
        elif action.choices is not None:
            choices += map(str, action.choices)
    found[place] = Words((*verbs, *choices), tuple(options))
    for name, verb in verbs.items():
        _walk((*place, name), verb, found)
