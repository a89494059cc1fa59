"""A transaction taken apart: its keys, their rights, and what lookup tables add to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from solders.instruction import AccountMeta
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.solana.addresses import MEMO_PROGRAM, MEMO_V1_PROGRAM
from dex.types import Account

from .lookup import load_addresses
from .programs import RESERVED
from .transaction_errors import TransactionError

# What one transaction may name. Source: agave, `MAX_TX_ACCOUNT_LOCKS`.
MAX_ACCOUNTS = 64

Read = Callable[[Pubkey], Account | None]


class Loaded:
    """A transaction taken apart once: keys, rights, instructions, budget.

    `keys` are the static ones, then what lookup tables give to write, then to read;
    those come with `resolved`.
    """

    def __init__(
        self,
        transaction: VersionedTransaction,
        *,
        writable: Sequence[Pubkey] = (),
        readonly: Sequence[Pubkey] = (),
    ) -> None:
        message = transaction.message
        self.transaction = transaction
        self.message = message
        self.static_keys: list[Pubkey] = message.account_keys
        self.loaded_writable = tuple(writable)
        self.loaded_readonly = tuple(readonly)
        self.keys = [*self.static_keys, *writable, *readonly]
        self.instructions = message.instructions
        self.blockhash = message.recent_blockhash
        self.signature = str(transaction.signatures[0])
        header = message.header
        self.signers = header.num_required_signatures
        self.writable_signers = self.signers - header.num_readonly_signed_accounts
        self.first_readonly = (
            len(self.static_keys) - header.num_readonly_unsigned_accounts
        )

    @property
    def has_lookups(self) -> bool:
        message = self.message
        return isinstance(message, MessageV0) and bool(message.address_table_lookups)

    def resolved(self, read: Read, slot: int) -> Loaded:
        """Return it with the addresses that its lookup tables give in `slot`.

        Raises TransactionError when a table is missing, no table, or too short.
        """
        if not isinstance(self.message, MessageV0) or not self.has_lookups:
            return self
        writable, readonly = load_addresses(self.message, read, slot)
        loaded = Loaded(self.transaction, writable=writable, readonly=readonly)
        loaded.check_locks()
        return loaded

    def check_locks(self) -> None:
        """Raise TransactionError for too many accounts, or for one named twice."""
        if len(self.keys) > MAX_ACCOUNTS:
            raise TransactionError("TooManyAccountLocks")
        if len(set(self.keys)) != len(self.keys):
            raise TransactionError("AccountLoadedTwice")

    @cached_property
    def metas(self) -> list[AccountMeta]:
        called = {self.keys[each.program_id_index] for each in self.instructions}
        locked = called | RESERVED
        return [
            AccountMeta(
                key,
                position < self.signers,
                # Whatever the header says: nobody writes a program that is called.
                self._is_writable(position) and key not in locked,
            )
            for position, key in enumerate(self.keys)
        ]

    @cached_property
    def has_valid_signatures(self) -> bool:
        return all(self.transaction.verify_with_results())

    def _is_writable(self, position: int) -> bool:
        if position < self.signers:
            return position < self.writable_signers
        if position < len(self.static_keys):
            return position < self.first_readonly
        return position < len(self.static_keys) + len(self.loaded_writable)

    @property
    def memo(self) -> str | None:
        """Return the memo as nodes list it: `[length] text`, several joined by `; `."""
        memos = [
            bytes(instruction.data)
            for instruction in self.instructions
            if self.keys[instruction.program_id_index]
            in (MEMO_PROGRAM, MEMO_V1_PROGRAM)
        ]
        texts = [f"[{len(memo)}] {memo.decode(errors='replace')}" for memo in memos]
        return "; ".join(texts) or None


def load(raw: bytes) -> Loaded:
    """Parse a transaction; TransactionError("SanitizeFailure") when it is malformed."""
    try:
        transaction = VersionedTransaction.from_bytes(raw)
        transaction.sanitize()
    except Exception:  # solders raises several unrelated classes
        raise TransactionError("SanitizeFailure") from None
    loaded = Loaded(transaction)
    loaded.check_locks()
    return loaded
