"""The sandbox's own controls: what calls meet, and what it was asked and charged for."""

from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass(frozen=True)
class Sandbox:
    """The stand-in for Segmind of one system, at `url`. `usual` are the settings that `reset` restores.

    Every method raises ValueError in the sandbox's own words where it does not take what it is given.
    """

    url: str
    usual: dict[str, Any] = field(default_factory=dict, repr=False)

    def fault(
        self,
        kind: str,
        /,
        *,
        match: dict[str, Any] | None = None,
        count: int | None = 1,
        skip: int = 0,
        runs: bool = False,
        **effect: Any,
    ) -> None:
        """Let the next `count` calls (None: all) that fit `match` meet a fault, after `skip` of them.

        `kind` is `status` (with `status` 200 to 599 and `error`, its words), `fails` (with `error`: the
        inference itself fails), `reset`, `hang` (with `seconds`), `truncate`, `drip`, `endless`,
        `content_type`, `garbage` or `bomb`. `match` has any of model, seed, path, key (exact) and
        prompt (text that it holds). With `runs` the call is served and charged first, and only its
        answer is lost. sandbox/effects.py of segq has every effect's members and bounds.
        """
        rule = {"effect": {"kind": kind, **effect}, "match": match or {}, "count": count}
        self._ask("POST", "faults", {"rules": [{**rule, "skip": skip, "runs": runs}]})

    def clear_faults(self) -> None:
        """Let all calls go right again."""
        self._ask("DELETE", "faults")

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings, and give all of them.

        Such as `latency={"median": 2, "sigma": 0}` (seconds of a call), `credits="0"` (USD), `rpm=5`
        (calls a minute), `history_missing=1` (so that a doubt stays one). sandbox/settings.py of segq
        has each with its bounds.
        """
        found: dict[str, Any] = self._ask("POST", "settings", changes)
        return found

    def calls(self) -> list[dict[str, Any]]:
        """What it was asked since the last `reset`, the first first: model, inputs, status, cost (USD), ..."""
        found: list[dict[str, Any]] = self._ask("GET", "ledger")
        return found

    def reset(self) -> None:
        """No faults, the usual settings, no calls."""
        self.clear_faults()
        self.settings(**self.usual)
        self._ask("DELETE", "ledger")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        # It listens on loopback, which no proxy of the environment reaches.
        with httpx.Client(trust_env=False, timeout=30) as http:
            answer = http.request(method, f"{self.url}/_sandbox/{path}", json=body)
        if answer.is_client_error:
            raise ValueError(answer.json()["error"])
        answer.raise_for_status()
        return answer.json() if answer.content else None
