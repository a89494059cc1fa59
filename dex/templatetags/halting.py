"""The standing halt, for the banner on every page of the admin."""

from __future__ import annotations

from django import template

from dex import halting
from dex.models import TradingHalt

register = template.Library()


@register.simple_tag
def standing_halt() -> TradingHalt | None:
    """Return the halt that stands now, None when trading is allowed."""
    return halting.standing_halt(defer=halting.BRIEF)
