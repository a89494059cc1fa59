"""The allow-list of a localnet: all that it began with, forked pools included."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from .models import Pool, Token


@transaction.atomic
def allow_genesis(genesis: dict[str, Any]) -> tuple[int, int]:
    """Add localnet's tokens and pools to the allow-list; return how many were new.

    What an operator changed since stays as it is.
    """
    tokens: dict[str, Token] = {}
    added = [0, 0]
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
        added[0] += created
    for entry in genesis["pools"]:
        _, created = Pool.objects.get_or_create(
            address=entry["address"],
            defaults={
                "venue": entry["venue"],
                "token_a": tokens[entry["tokenA"]],
                "token_b": tokens[entry["tokenB"]],
                "note": entry["note"],
            },
        )
        added[1] += created
    return added[0], added[1]
