"""Tells from its words whether a v2 inference that failed may go well the next time (segmind-api §7).

A failed v2 request is not charged (likely, §5), and its job's attempts are bounded. So the two
mistakes cost little: a lasting failure that is taken for a passing one runs a few times in vain.
"""

import re

from jobs.failures import FailureKind

_LONGEST = 500
"""Characters looked at: it bounds the time of the patterns, and the words stand at the start."""

WORDS = (
    r"internal (?:\w+ )?error\b",  # "Internal Polling Error", as the gateway says it
    r"tim(?:ed?|ing) ?out\b",
    r"deadline (?:was )?exceeded\b",
    r"out of memory\b",
    r"\boom\b",
    # Not "try again with another prompt": that is what refused content is told.
    r"\b(?:try|retry|trying|retrying)(?: again| later| in)\b(?! (?:with|using|by|after (?:chang|us)))",
    r"\bplease retry\b",
    r"\bover ?load",
    r"\bunavailable\b",
    r"\btemporar(?:y|ily)\b",
    r"\b(?:is|are|too|was) busy\b",
    r"\b(?:at|over|no|insufficient|enough) capacity\b",
    r"\bqueue (?:is |was )?full\b",
    r"\bstill loading\b|\bis loading\b|\bcold start",
    r"\bconnection (?:was |has been )?(?:reset|refused|aborted|closed|lost|error)",
    r"\bbad gateway\b|\bgateway time",
    r"\b(?:worker|node|pod|gpu|container|machine) (?:was |has |is )?(?:died|lost|crashed|killed)\b",
    r"\b(?:evicted|preempted|restarting)\b",
    r"\btoo many requests\b|\brate limit",
)
"""Looked for in lower case with blanks for `_` and `-`."""
_WORDS = re.compile("|".join(WORDS))


def kind_of(text: str) -> FailureKind:
    """The kind of a failed inference with this message, in any case."""
    words = re.sub(r"[\s_-]+", " ", text[:_LONGEST].lower())
    return FailureKind.UPSTREAM_ERROR if _WORDS.search(words) else FailureKind.INFERENCE_FAILED
