"""What a program may change in an account: the rules of the runtime."""

from __future__ import annotations

from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError
from dex.types import Account


def check_change(
    program: Pubkey, meta: AccountMeta, before: Account, after: Account
) -> None:
    """Refuse a change as the runtime does: only its owner changes an account's data or
    takes its lamports, and only if the account is writable.
    """
    owned = before.owner == program
    if after.lamports != before.lamports:
        if after.lamports < before.lamports and not owned:
            raise InstructionError("ExternalAccountLamportSpend")
        if not meta.is_writable:
            raise InstructionError("ReadonlyLamportChange")
    if after.data != before.data:
        if not meta.is_writable:
            raise InstructionError("ReadonlyDataModified")
        if not owned:
            raise InstructionError("ExternalAccountDataModified")
    if after.owner != before.owner and not (
        owned and meta.is_writable and not any(after.data)
    ):
        raise InstructionError("ModifiedProgramId")
