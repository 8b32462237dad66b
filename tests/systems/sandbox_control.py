"""The sandbox's own endpoints, for tests that set its behaviour and read what it charged."""

from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class SandboxControl:
    """`url` is the sandbox's origin."""

    url: str

    def ledger(self, since: int = 0) -> list[dict[str, Any]]:
        """Every call that it counted or refused, from row `since` on."""
        return list(self._ask("GET", "ledger", params={"since": since}))

    def clear(self) -> None:
        """Forget the ledger."""
        self._ask("DELETE", "ledger")

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Merge `changes` into its settings; returns all of them."""
        if not changes:
            return dict(self._ask("GET", "settings"))
        return dict(self._ask("POST", "settings", json=changes))

    def faults(self, *rules: dict[str, Any]) -> None:
        """Let calls go wrong; without rules, all go right again."""
        self._ask("DELETE", "faults")
        if rules:
            self._ask("POST", "faults", json={"rules": list(rules)})

    def hits(self) -> int:
        """How many calls the faults that stand now have met."""
        return sum(rule["hits"] for rule in self._ask("GET", "faults")["rules"])

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.request(method, f"{self.url}/_sandbox/{path}", **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None
