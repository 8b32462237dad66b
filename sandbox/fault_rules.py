"""The rules that say which call meets which fault, and how many of them are left."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

from sandbox.bounds import Check, integer, or_null, text, truth
from sandbox.checked_fields import FieldError, by, made
from sandbox.effects import KIND_OF, KINDS, Effect, Fails
from sandbox.keys import is_well_formed
from sandbox.models import MOST_SEED
from sandbox.refusals import RefusedError

MOST_TIMES = 1_000_000


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as far as a rule can know it; prompt and seed as they were sent.

    ``key`` None where none is needed; ``model`` None where none is called.
    """

    path: str
    key: str | None
    model: str | None = None
    prompt: str | None = None
    seed: int | None = None


_PATH = re.compile(r"/(v1|v2|inference-request|outputs)/([!-)+-~]+\*?|\*)")


def _path(value: object) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        below = "/v1/, /v2/, /inference-request/ or /outputs/"
        raise ValueError(f"must be a path below {below}, with a * at its end at the most")
    return value


def _key(value: object) -> str:
    if not isinstance(value, str) or not is_well_formed(value):
        raise ValueError("must be SG_ followed by 16 hex digits")
    return value


_name: Check = text(1, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which requests: all that is given must fit.

    ``prompt`` is text that it contains, a ``path`` that ends with ``*`` is what it begins with, the
    rest is exact.
    """

    path: str | None = field(default=None, metadata=by(_path))
    model: str | None = field(default=None, metadata=by(_name))
    prompt: str | None = field(default=None, metadata=by(_name))
    seed: int | None = field(default=None, metadata=by(integer(-1, MOST_SEED)))
    key: str | None = field(default=None, metadata=by(_key))

    def fits(self, seen: Seen) -> bool:
        """Whether ``seen`` is such a call."""
        if self.prompt is not None and self.prompt not in (seen.prompt or ""):
            return False
        if self.path is not None and not self._leads_to(seen.path):
            return False
        exact = ("model", "seed", "key")
        return all(getattr(self, one) in (None, getattr(seen, one)) for one in exact)

    def _leads_to(self, path: str) -> bool:
        if self.path is not None and self.path.endswith("*"):
            return path.startswith(self.path[:-1])
        return path == self.path

    def as_json(self) -> dict[str, object]:
        """The members that were given."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def _match(value: object) -> Match:
    return made(Match, value)


def _effect(value: object) -> Effect:
    if not isinstance(value, Mapping):
        raise ValueError("must be an object with a kind")  # noqa: TRY004 - as in made()
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise FieldError("kind", f"must be one of {', '.join(KINDS)}")
    return made(KINDS[kind], {name: value[name] for name in value if name != "kind"})


@dataclass(slots=True, kw_only=True)
class Rule:
    """A fault and its calls.

    skip: matching calls to let by first, 0 to 1,000,000. count: calls that meet it after those,
    1 to 1,000,000; None = all until it is cleared. runs: whether the call is served and charged
    first, and only its answer replaced; over v2 the answer is that to the POST, and the request
    goes on to its end. ``hits`` calls have met it.
    """

    effect: Effect = field(metadata=by(_effect))
    match: Match = field(default_factory=Match, metadata=by(_match))
    skip: int = field(default=0, metadata=by(integer(0, MOST_TIMES)))
    count: int | None = field(default=1, metadata=by(or_null(integer(1, MOST_TIMES))))
    runs: bool = field(default=False, metadata=by(truth))
    id: str = ""
    hits: int = 0
    skipped: int = 0

    @property
    def left(self) -> int | None:
        """Calls that will still meet it; None = no end."""
        return None if self.count is None else self.count - self.hits

    @property
    def instead(self) -> bool:
        """Whether it takes the place of the call, which then does not run."""
        return not self.runs and not isinstance(self.effect, Fails)

    @property
    def kind(self) -> str:
        """The name of its effect's kind."""
        return KIND_OF[type(self.effect)]

    def take(self, seen: Seen) -> bool:
        """Whether this call meets the fault; counted, as a hit or as one let by."""
        if self.left == 0 or not self.match.fits(seen):
            return False
        if isinstance(self.effect, Fails) and seen.model is None:
            return False  # nothing runs there that could fail
        if self.skipped < self.skip:
            self.skipped += 1
            return False
        self.hits += 1
        return True

    def as_json(self) -> dict[str, object]:
        """The rule as kept, with ``hits`` and what is ``left`` of ``count``."""
        return {
            "id": self.id,
            "match": self.match.as_json(),
            "skip": self.skip,
            "count": self.count,
            "runs": self.runs,
            "effect": {"kind": self.kind, **asdict(self.effect)},
            "hits": self.hits,
            "left": self.left,
        }


class FaultRules:
    """The rules in the order in which they came; the first that takes a call has it."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._ids = count(1)

    def add(self, sent: Mapping[str, Any]) -> list[Rule]:
        """Keep one rule, or ``{"rules": [ … ]}``. Raises RefusedError 400, and keeps none then."""
        if "rules" in sent:
            listed = sent["rules"]
            if len(sent) > 1 or not isinstance(listed, list) or not listed:
                problem = "rules must be a list of at least one rule, alone in its object"
                raise RefusedError(400, f"Invalid fault: {problem}")
            added = [_rule(one, f"rules[{place}]") for place, one in enumerate(listed)]
        else:
            added = [_rule(sent, "")]
        for rule in added:
            rule.id = str(next(self._ids))
        self.rules += added
        return added

    @property
    def read_bodies(self) -> bool:
        """Whether a rule that is not used up asks for what stands in the body."""
        return any(
            rule.left != 0 and (rule.match.prompt is not None or rule.match.seed is not None)
            for rule in self.rules
        )

    def take(self, seen: Seen) -> Rule | None:
        """The rule whose fault this call meets. A call that one takes, no later rule sees."""
        return next((rule for rule in self.rules if rule.take(seen)), None)

    def give_back(self, rule: Rule) -> None:
        """The call was refused before its fault came: it does not count."""
        rule.hits -= 1

    def clear(self, rule_id: str | None = None) -> bool:
        """Forget one rule, or all; whether there was such a one. Calls under way keep theirs."""
        before = len(self.rules)
        self.rules = [rule for rule in self.rules if rule_id not in (None, rule.id)]
        return len(self.rules) < before


def _rule(sent: object, where: str) -> Rule:
    try:
        return made(Rule, sent)
    except FieldError as error:
        name = f"{where}.{error.name}".lstrip(".")
        raise RefusedError(400, f"Invalid fault: {name} {error.problem}") from None
    except ValueError as error:
        raise RefusedError(400, f"Invalid fault: {where} {error}") from None
