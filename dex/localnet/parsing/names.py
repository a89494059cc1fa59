"""Names for the accounts of an instruction, in the order its program takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .reader import NotParsable


def named(accounts: Sequence[str], names: str) -> dict[str, Any]:
    """Give the first accounts their names; NotParsable when there are too few."""
    wanted = names.split()
    if len(accounts) < len(wanted):
        raise NotParsable
    return dict(zip(wanted, accounts, strict=False))


def signed_by(
    accounts: Sequence[str], names: str, authority: str, multisig: str = ""
) -> dict[str, Any]:
    """Name the accounts and the authority behind them, with a multisig's signers."""
    count = len(names.split())
    info = named(accounts, names)
    if len(accounts) <= count:
        raise NotParsable
    if len(accounts) == count + 1:
        return {**info, authority: accounts[count]}
    multisig = multisig or f"multisig{authority[0].upper()}{authority[1:]}"
    return {**info, multisig: accounts[count], "signers": list(accounts[count + 1 :])}
