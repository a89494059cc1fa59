"""Blanks API keys and tickets that were sent where none belongs, before it is told of.

An error names what was wrong with a request: its address, a field, a value. People copy
errors to others, and answers are kept in logs of proxies.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

GONE = "[removed]"

# A key keeps its prefix, which is no secret and tells whose it is. One that was cut off
# is blanked, too. Addresses may have its marks as %5F, and a ticket's as %3A.
_KEY = re.compile(
    r"(dex(?:_|%5f)[a-z0-9]{8})(?:_|%5f)[\w-]{8,}", re.IGNORECASE | re.ASCII
)
# As django.core.signing writes it: what is said, when (base 62), the signature. It is
# looked for at the beginning of a word alone: a long text costs no more than its length.
_TICKET = re.compile(
    r"(?<![\w-])[\w-]{20,}(?::|%3a)[a-z0-9]{6}(?::|%3a)[\w-]{43}",
    re.IGNORECASE | re.ASCII,
)


def hide(text: str) -> str:
    """Return a text without the secrets of keys, and without tickets."""
    return _TICKET.sub(GONE, _KEY.sub(rf"\1_{GONE}", text))


def hide_all(value: Any) -> Any:
    """Return JSON without the secrets of keys and without tickets, in names of members too.

    Also where their characters are written as in addresses (%64 for d).
    """
    if isinstance(value, str):
        plain = unquote(value)
        hidden = hide(plain)
        return value if hidden == plain else hidden
    if isinstance(value, dict):
        return {hide_all(name): hide_all(member) for name, member in value.items()}
    if isinstance(value, list):
        return [hide_all(member) for member in value]
    return value
