"""How lists of the admin show addresses, which are too long for a column."""

from __future__ import annotations

from django.utils.html import format_html


def short_address(address: str) -> str:
    """Return both ends of an address, with the whole one to hover over."""
    ends = f"{address[:6]}…{address[-4:]}"
    return format_html('<code title="{}">{}</code>', address, ends)
