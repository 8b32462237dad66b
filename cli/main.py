"""The commands of `segq`, and what its users see when one goes wrong."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from cli.complaint import ComplaintError
from cli.terminal import say

# Only the module of the command that was asked for is imported: `segq up` must not pay for what
# `segq demo` needs. Each has `add_arguments(parser)` and `run(options) -> exit code`.
COMMANDS = {
    "demo": ("cli.demo", "start everything, turn the example photographs into images, stay up"),
    "run": ("cli.run", "make one image through the running system (starts it when needed)"),
    "batch": ("cli.batch.command", "many jobs from a list or a folder of images; `batch run`"),
    "jobs": ("cli.jobs", "a line for each job; `jobs show`, `cancel` and `retry`"),
    "estimate": ("cli.estimate", "what jobs would cost and when they would run; submits nothing"),
    "models": ("cli.models", "a line for each model; with a model's name, what it takes"),
    "up": ("cli.up", "start everything on this machine, until Ctrl-C"),
    "down": ("cli.down", "end what `up --detach` started; calls in flight finish"),
    "status": ("cli.status", "a line for each process"),
    "account": ("cli.account", "balance, pauses and jobs; `account resume` ends a pause"),
    "tenants": ("cli.tenants", "who uses this system: `create`, `list`, `limits`, `group`"),
    "keys": ("cli.keys", "API keys and what they may do: `create`, `list`, `revoke`"),
    "pause": ("cli.pause", "stop a tenant, a group, an account or a model; alone: what pauses"),
    "resume": ("cli.resume", "let what `pause` has stopped go on"),
    "doubts": ("cli.doubts", "calls of which nobody knows whether they ran; `doubts resolve`"),
    "budget": ("cli.budget", "what tenants may spend and have spent; `budget check [--fix]`"),
    "audit": ("cli.audit", "our calls beside Segmind's own history; `--adopt` takes over"),
    "logs": ("cli.logs", "what the processes wrote"),
    "migrate": ("cli.migrate", "bring the database's schema up to date, make the first API key"),
    "gateway": ("cli.service", "the API alone, as a container starts it"),
    "worker": ("cli.service", "one worker alone: SEGQ_SLOTS calls at a time"),
    "upkeep": ("cli.service", "what keeps the system going: pauses, late jobs, lost tickets"),
    "beat": ("cli.service", "the clock of upkeep; one in a system is enough"),
    "flower": ("cli.flower", "the dashboard alone, behind FLOWER_BASIC_AUTH"),
    "test": ("cli.checks", "all checks and tests of this repository"),
    "simulate": ("cli.simulate", "a scenario of limits, tenants and faults on a virtual clock"),
    "bench": ("cli.bench", "speeds on this machine, each beside a baseline of the same run"),
    "mutants": ("cli.mutants", "guards taken away one by one, each to be missed by its test"),
    "soak": ("cli.soak", "random load and faults on a whole system; then nothing may be wrong"),
    "completion": ("cli.completion", "completion of these words in bash, zsh or fish"),
    "lock": ("cli.lock", "compile locks/*.in into locks/*.txt again"),
}
# What follows these belongs to another program, word for word.
_PASS_ALL_ON = frozenset({"test", "lock", "bench", "soak"})
# What is left over is a model's own parameters.
_TAKE_A_MODEL = frozenset({"run", "estimate"})
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the process's exit code."""
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except ComplaintError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (`segq logs | head`) has gone; nothing may be flushed to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(given: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="segq", description="An asynchronous generation queue for Segmind's image models."
    )
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    for name, (module, purpose) in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose, allow_abbrev=False)
        if given[:1] == [name]:
            import_module(module).add_arguments(command)
    if not given:
        parser.print_help()
        return 0
    options = _parse(parser, given)
    return int(import_module(COMMANDS[options.command][0]).run(options))


def _parse(parser: argparse.ArgumentParser, given: list[str]) -> argparse.Namespace:
    """`rest` holds what is left: a model's own parameters, or another program's arguments."""
    if given[0] in _PASS_ALL_ON and given[1:2] not in (["--help"], ["-h"]):
        return argparse.Namespace(command=given[0], rest=given[1:])
    options, rest = parser.parse_known_args(given)
    options.rest = rest
    if rest and options.command not in _TAKE_A_MODEL:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options
