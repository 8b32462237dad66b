"""`segq completion SHELL`: prints what lets a shell complete the words of `segq`."""

import argparse
import shlex
from collections.abc import Iterator, Mapping
from importlib import import_module

from cli.words_of_commands import Words, words_of

SHELLS = ("bash", "zsh", "fish")
_BASH = """\
_segq() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} place= word words
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$place $word" in
{descents}
        esac
    done
    case "$place" in
{words}
    esac
    COMPREPLY=( $(compgen -W "$words" -- "$current") )
    if [[ $current != -* ]]; then COMPREPLY+=( $(compgen -f -- "$current") ); fi
}}
complete -o filenames -F _segq segq
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        'bash: eval "$(segq completion bash)" in ~/.bashrc; zsh: the same in ~/.zshrc, behind '
        "compinit; fish: segq completion fish > ~/.config/fish/completions/segq.fish"
    )
    parser.add_argument("shell", choices=SHELLS)


def run(options: argparse.Namespace) -> int:
    # Imported here: the table of commands names this module.
    from cli.main import COMMANDS  # noqa: PLC0415

    found = words_of({name: import_module(module) for name, (module, _) in COMMANDS.items()})
    print("\n".join(_fish(found)) if options.shell == "fish" else _bash(found, options.shell))
    return 0


def _bash(found: Mapping[tuple[str, ...], Words], shell: str) -> str:
    descents = [
        f"            {shlex.quote(f'{_place(place[:-1])} {place[-1]}')}) place={shlex.quote(_place(place))} ;;"
        for place in found
        if place
    ]
    words = [
        f"        {shlex.quote(_place(place))}) words={shlex.quote(' '.join((*one.verbs, *one.options)))} ;;"
        for place, one in found.items()
    ]
    # zsh runs functions of bash as they stand.
    before = "autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else ""
    return before + _BASH.format(descents="\n".join(descents), words="\n".join(words)).rstrip()


def _fish(found: Mapping[tuple[str, ...], Words]) -> Iterator[str]:
    for place, one in found.items():
        seen = [f"__fish_seen_subcommand_from {word}" for word in place]
        others = [f"not __fish_seen_subcommand_from {' '.join(one.verbs)}"] if one.verbs else []
        when = shlex.quote("; and ".join([*seen, *others]) or "true")
        if one.verbs:
            yield f"complete -c segq -f -n {when} -a {shlex.quote(' '.join(one.verbs))}"
        where = shlex.quote("; and ".join(seen) or "true")
        for option in one.options:
            if option.startswith("--"):
                yield f"complete -c segq -n {where} -l {option.removeprefix('--')}"


def _place(words: tuple[str, ...]) -> str:
    """As the function of bash writes it: a slash behind each word."""
    return "".join(f"{word}/" for word in words)
