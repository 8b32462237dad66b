"""Tells the four meanings of 406 apart by the words of its message (segmind-api §7).

The two mistakes differ in price. A parameter taken for a spend limit pauses the whole account for
one bad job; a spend limit taken for a parameter fails every job that follows. So what the message
says first decides, and words that it quotes, which a job's owner may have chosen, count only where
nothing else says what is refused.
"""

import re

from jobs.failures import FailureKind

_LONGEST = 500
"""Characters looked at: it bounds the time of the patterns, and the words stand at the start."""
_QUOTED = re.compile(r"(?<!\w)(?:'[^']*'|\"[^\"]*\"|`[^`]*`|\u2018[^\u2019]*\u2019|“[^”]*”)(?!\w)")
_REFUSES_WHAT_IT_QUOTES = re.compile(
    r"\b(?:not|cannot|invalid|must|unknown|unsupported|rejected|refused|prompt|image|text|got)\b"
)

_WHOSE = r"(?:team|member|org|organi[sz]ation|workspace|account)(?:'?s|s')?"
_SPAN = r"(?:hourly|daily|weekly|monthly|annual|yearly)"
_USE = r"(?:spend|spending|cost|usage|billing|budget|credits?)"
_BOUND = r"(?:limit|cap|quota|budget|allowance)s?\b"
_USED_UP = r"(?:exceeded|exhausted|reached|depleted|used up|spent|hit)\b"
_MONEY = r"(?:credits?|balance|funds)\b(?! (?:limit|cap|quota|budget|allowance))"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(patterns)})")


WORDS = (
    (_any(r"(?:content|media) ?type\b"), FailureKind.BAD_REQUEST_FORM),
    (
        _any(
            r"(?:parameter|argument|value|field)s?\b",
            r"(?:prompt|samples|scheduler|steps|scale|seed|base64|width|height|strength) ?"
            r"(?:[:=]|(?:must|should|is|are|was|has|have|contains?|exceeds?|cannot|can't|may not"
            r"|not|needs?|violates|rejected|refused|flagged|too|above|below|out of|limit)\b)",
        ),
        FailureKind.INVALID_INPUT,
    ),
    (
        _any(
            rf"{_USE} (?:{_USE} )?(?:hard |soft )?{_BOUND}",
            rf"(?:{_WHOSE}|{_SPAN}) (?:(?:{_WHOSE}|{_SPAN}|{_USE}|total) )*{_BOUND}",
            rf"(?:{_WHOSE}|you) (?:has |have )?(?:already )?{_USED_UP} (?:its |their |the |your )?"
            rf"(?:(?:{_WHOSE}|{_SPAN}|{_USE}) )*{_BOUND}",
            rf"{_BOUND} (?:is |was |has been )?{_USED_UP} (?:for|by|of) (?:your |the |this )?{_WHOSE}",
            r"max(?:imum)? spend(?:ing)?\b",
            r"spend(?:ing)?\b[^.;]{0,40}\b(?:exceed(?:s|ed)?|reached|limit|cap)\b",
            rf"(?:quota|budget) (?:has been |is |was )?{_USED_UP}",
            r"(?:over|exceed(?:s|ed)?) (?:your |the )?(?:quota|budget)\b",
        ),
        FailureKind.SPEND_LIMIT,
    ),
    (
        _any(
            r"(?:insufficient|enough|sufficient|no|low|zero|0(?:\.0+)?|out of|exhausted"
            r"|exceed(?:s|ed)?|lack(?:s|ing)?|required?|need(?:s|ed)?|more|add|buy|purchase|used)"
            r"(?: (?:on|all|your|the|any|of|more|remaining|available|free|paid|api|account|segmind"
            rf"|wallet|usd|[$€]?[0-9.]+))* {_MONEY}",
            rf"{_MONEY}[^;!?]{{0,60}}?\b(?:insufficient|exhausted|depleted|low|used up|exceeded"
            r"|(?:ran|run) out|expired|not enough|empty|zero|negative|below|required|needed"
            r"|remaining|left)\b",
            r"(?:payment required|top ?up|recharge)\b",
        ),
        FailureKind.INSUFFICIENT_CREDITS,
    ),
)
"""Matched against lower case with blanks for `_` and `-`; of two at one place the upper counts."""


def kind_of(text: str) -> FailureKind:
    """The kind of a 406 with this message, in any case. What says nothing known is a parameter."""
    words = re.sub(r"[\s_-]+", " ", text[:_LONGEST].lower())
    outside = _QUOTED.sub(" … ", words)
    kind = _said_first(outside)
    if kind is None and not _REFUSES_WHAT_IT_QUOTES.search(outside):
        # The whole message stands in quotes, as in `Error: "Insufficient credits"`.
        kind = _said_first(words)
    return kind or FailureKind.INVALID_INPUT


def _said_first(words: str) -> FailureKind | None:
    found = [(match.start(), kind) for one, kind in WORDS if (match := one.search(words))]
    return min(found, key=lambda one: one[0])[1] if found else None
