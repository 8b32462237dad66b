"""Checks a job's `input` against its model and fills in the defaults.

Every value that is given stays exactly as it came. Defaults are written out, so that the row shows
what will be sent and the provider's history can be compared with it.
"""

import json
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from jobs.catalog.model import Kind, Model, Parameter
from jobs.errors import FieldProblem, InvalidInput

LONGEST_URL = 2_000
INPUT_SCHEME = "segq:"
"""References to uploaded images look like `segq:<sha256>`."""
_WEB = ("http://", "https://")
_KEPT_BY_US = ("data:", INPUT_SCHEME)
IMAGE_STARTS = (*_WEB, *_KEPT_BY_US)
"""What an image may begin with."""


def check(model: Model, given: object) -> dict[str, Any]:
    """The input with its defaults; raises `InvalidInput` naming every wrong field."""
    if not isinstance(given, Mapping):
        raise InvalidInput([FieldProblem("input", "must be an object", shown(given))])
    problems = [
        FieldProblem(
            f"input.{name}",
            f"is no parameter of {model.slug}; it has {', '.join(model.parameters)}",
        )
        for name in given
        if name not in model.parameters
    ]
    checked: dict[str, Any] = {}
    for name, parameter in model.parameters.items():
        if name in given:
            problem = problem_of(parameter, given[name])
            if problem:
                problems.append(FieldProblem(f"input.{name}", problem, shown(given[name])))
            checked[name] = given[name]
        elif parameter.required:
            problems.append(FieldProblem(f"input.{name}", "is required"))
        elif parameter.default is not None:
            checked[name] = parameter.default
    if problems:
        raise InvalidInput(problems)
    return checked


def shown(value: object, limit: int = 80) -> str:
    """A value as an error may show it: as JSON, short, without what cannot be printed."""
    printable = isinstance(value, str) and value.isprintable()
    text = json.dumps(value, ensure_ascii=not printable, default=repr)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def problem_of(parameter: Parameter, value: object) -> str | None:
    """What is wrong with a value, as words that follow the parameter's name; None when it is good."""
    match parameter.kind:
        case Kind.BOOLEAN:
            return None if isinstance(value, bool) else "must be true or false"
        case Kind.INTEGER:
            # bool is a subclass of int, and 1.0 is no integer upstream.
            if not isinstance(value, int) or isinstance(value, bool):
                return _must_be("integer", parameter)
            return _outside(parameter, value)
        case Kind.NUMBER:
            if not isinstance(value, int | float) or isinstance(value, bool):
                return _must_be("number", parameter)
            if isinstance(value, float) and not math.isfinite(value):
                return _must_be("finite number", parameter)
            return _outside(parameter, value)
        case Kind.STRING:
            return _text_problem(parameter, value)
        case Kind.IMAGE:
            return _image_problem(value)


def _must_be(kind: str, parameter: Parameter) -> str:
    if _is_fixed(parameter):
        return f"must be the {kind} {parameter.minimum}"
    article = "an" if kind == "integer" else "a"
    return f"must be {article} {kind} {_range(parameter)}".rstrip()


def _outside(parameter: Parameter, value: float) -> str | None:
    low = parameter.minimum is not None and value < parameter.minimum
    high = parameter.maximum is not None and value > parameter.maximum
    if not low and not high:
        return None
    if _is_fixed(parameter):
        return f"must be {parameter.minimum}"
    return f"must be {_range(parameter).removeprefix('of ')}"


def _is_fixed(parameter: Parameter) -> bool:
    return parameter.minimum is not None and parameter.minimum == parameter.maximum


def _range(parameter: Parameter) -> str:
    match parameter.minimum, parameter.maximum:
        case None, None:
            return ""
        case low, None:
            return f"of at least {low}"
        case None, high:
            return f"of at most {high}"
        case low, high:
            return f"from {low} to {high}"


def _text_problem(parameter: Parameter, value: object) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if parameter.allowed:
        return None if value in parameter.allowed else f"must be one of {list(parameter.allowed)}"
    if parameter.required and not value.strip():
        return "must not be empty"
    if parameter.max_length is not None and len(value) > parameter.max_length:
        return f"must have at most {parameter.max_length} characters, not {len(value)}"
    return _unstorable(value)


def _unstorable(value: str) -> str | None:
    # PostgreSQL keeps no NUL in text, and a lone surrogate has no UTF-8 form at all.
    if "\0" in value:
        return "must not contain NUL"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "must be valid Unicode (it contains a lone surrogate)"
    return None


def _image_problem(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be a string: an http(s) URL, a data: URI or a reference of an uploaded image"
    if value.startswith(_KEPT_BY_US):
        return None  # decoded, or looked up, by who keeps it
    if not value.startswith(_WEB):
        return "must be an http(s) URL, a data: URI or a reference of an uploaded image"
    if len(value) > LONGEST_URL:
        return f"must have at most {LONGEST_URL} characters as a URL, not {len(value)}"
    return _unstorable(value) or _host_problem(value)


def _host_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # either of them raises for what cannot be read
    except ValueError:
        return "must be a URL whose host and port can be read"
    if not host or any(letter.isspace() for letter in parts.netloc):
        return "must be a URL with a host, such as https://example.com/photo.jpg"
    return None
