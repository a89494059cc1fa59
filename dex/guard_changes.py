"""The record of every change of a guard on money: who, when, from what to what, and why."""

from __future__ import annotations

import logging

from .models import GuardChange, Rule

logger = logging.getLogger(__name__)

# How values without a figure are written.
NONE = "none"  # no limit of its own, or not there
ALLOWED, NOT_ALLOWED = "allowed", "not allowed"
ENGINE = "engine"  # who changed what no person did


def change_of(
    rule: Rule, old: object, new: object, *, by: str, reason: str, subject: str = ""
) -> GuardChange:
    """Return the record of a change, unsaved. None is written as NONE.

    `subject` is the mint, the pool's address or the user that it holds for.
    """
    said = [NONE if value is None else str(value) for value in (old, new)]
    return GuardChange(
        changed_by=by,
        rule=rule,
        subject=subject,
        old=said[0],
        new=said[1],
        reason=reason,
    )


def record_change(
    rule: Rule, old: object, new: object, *, by: str, reason: str, subject: str = ""
) -> None:
    """Record a change as change_of() has it, in the caller's transaction, and log it."""
    change = change_of(rule, old, new, by=by, reason=reason, subject=subject)
    change.save()
    what = f"{rule} {subject}" if subject else rule
    said = change.old, change.new
    logger.warning("%s changed %s from %s to %s: %s", by, what, *said, reason)
