"""The last door before a log: blanks what looks like a secret, whoever logged it.

Nothing should come here with one. Messages of libraries do: errors name the URLs that
they could not reach.
"""

from __future__ import annotations

import re

from solders.keypair import Keypair
from solders.signature import Signature

from orders.access.hidden import GONE, hide

_CREDENTIALS = re.compile(r"\b(Bearer|Basic)(\s+)[\w.~+/=:-]+", re.IGNORECASE)
_NAMED = re.compile(
    r"\b(ticket|sessionid|csrftoken|csrfmiddlewaretoken|password|api[-_]?key|secret)"
    r"""(['"]?\s*[=:]\s*['"]?)[^\s&'",;]+""",
    re.IGNORECASE,
)
# Providers put keys into the user, the path or the query of an address.
_URL = re.compile(
    r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/?#'\"<>]*@)?([^\s/?#'\"<>@]+)([/?#][^\s'\"<>]*)?",
    re.IGNORECASE,
)
_QUERY = re.compile(r"(/[\w./%~-]*)\?[^\s'\"<>]+")
# A keypair file: 64 numbers. A list that was cut off is one, too.
_NUMBERS = re.compile(r"\d{1,3}(?:,\s*\d{1,3}){31,}")
_BASE58 = re.compile(r"\b[1-9A-HJ-NP-Za-km-z]{86,88}\b")
_HINTS = re.compile(
    r"dex_|dex%5f|:\w{6}:|%3a\w{6}%3a|bearer|basic|ticket|sessionid|csrf|password|key|secret|://|\?|\d,|"
    r"[1-9A-HJ-NP-Za-km-z]{86}",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """Return a line of the log without what looks like a secret."""
    if not _HINTS.search(text):
        return text
    text = _URL.sub(_without_path, text)
    text = _QUERY.sub(r"\1?…", text)
    text = _CREDENTIALS.sub(rf"\1\2{GONE}", text)
    text = hide(text)
    text = _NAMED.sub(rf"\1\2{GONE}", text)
    text = _NUMBERS.sub(GONE, text)
    return _BASE58.sub(_unless_keypair, text)


def _without_path(found: re.Match[str]) -> str:
    scheme, host, rest = found.groups()
    return f"{scheme}{host}" + ("/…" if rest and rest != "/" else rest or "")


def _unless_keypair(found: re.Match[str]) -> str:
    """Blank a keypair in base58; signatures have the same length and are wanted."""
    try:
        Keypair.from_bytes(bytes(Signature.from_string(found[0])))
    except ValueError:
        return found[0]
    return GONE
