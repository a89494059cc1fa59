"""The allow-list of a localnet: all that it began with, forked pools included."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from .guard_changes import ALLOWED, ENGINE, change_of
from .models import GuardChange, Pool, Rule, Token

REASON = "Localnet has it from its beginning, or from LOCALNET_FORK."


@transaction.atomic
def allow_genesis(genesis: dict[str, Any]) -> tuple[int, int]:
    """Add localnet's tokens and pools to the allow-list; return how many were new.

    What is new is recorded. What an operator changed since stays as it is.
    """
    tokens: dict[str, Token] = {}
    new: list[tuple[Rule, str]] = []
    for entry in genesis["tokens"]:
        token, created = Token.objects.get_or_create(
            mint=entry["mint"],
            defaults={
                "symbol": entry["symbol"],
                "name": entry["name"],
                "decimals": entry["decimals"],
                "token_program": entry["tokenProgram"],
            },
        )
        tokens[token.mint] = token
        if created:
            new.append((Rule.ALLOWED_TOKENS, token.mint))
    new_tokens = len(new)
    for entry in genesis["pools"]:
        pool, created = Pool.objects.get_or_create(
            address=entry["address"],
            defaults={
                "venue": entry["venue"],
                "token_a": tokens[entry["tokenA"]],
                "token_b": tokens[entry["tokenB"]],
                "note": entry["note"],
            },
        )
        if created:
            new.append((Rule.ALLOWED_POOLS, pool.address))
    _record(new)
    return new_tokens, len(new) - new_tokens


def _record(new: list[tuple[Rule, str]]) -> None:
    """Record what is allowed from now on, without a line in the log for each."""
    GuardChange.objects.bulk_create(
        change_of(rule, None, ALLOWED, by=ENGINE, reason=REASON, subject=subject)
        for rule, subject in new
    )
