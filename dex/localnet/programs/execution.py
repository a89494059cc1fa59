"""One transaction while it runs: what it changed, logged and used, and its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError
from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account, Clock

if TYPE_CHECKING:
    from .invocation import Invocation

Program = Callable[["Invocation"], None]

# Of a whole transaction. Source: agave, `transaction-context`. Calls count as instructions,
# and what is allocated counts after what was given back.
MAX_INSTRUCTIONS = 64
MAX_ALLOCATED_BYTES = 20 * 1024 * 1024


@dataclass
class Execution:
    """One transaction while it runs: the accounts it changed, its logs and its units."""

    read: Callable[[Pubkey], Account | None]
    keys: Sequence[Pubkey]
    programs: Mapping[Pubkey, Program]
    clock: Clock
    unit_limit: int
    # What each program costs for a heap larger than usual.
    heap_units: int = 0
    changes: dict[Pubkey, Account] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    units: int = 0
    instructions: int = 0
    allocated_bytes: int = 0
    # What a program returned last, and which one it was.
    return_data: tuple[Pubkey, bytes] | None = None
    # Calls that programs made, by the index of the transaction's instruction.
    inner: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    def account(self, address: Pubkey) -> Account:
        """Return an account's state now; one that does not exist is empty."""
        changed = self.changes.get(address)
        if changed is not None:
            return changed
        return self.read(address) or Account(SYSTEM_PROGRAM, 0, b"")

    def count_instruction(self) -> None:
        """Count one more; MaxInstructionTraceLengthExceeded when it is one too many."""
        if self.instructions == MAX_INSTRUCTIONS:
            raise InstructionError("MaxInstructionTraceLengthExceeded")
        self.instructions += 1

    def spend(self, units: int) -> bool:
        """Use compute units, as far as there are any; say whether there were enough."""
        used = self.units + units
        self.units = min(used, self.unit_limit)
        return used <= self.unit_limit

    def resize(self, size: int, new_size: int) -> None:
        """Count what an account grows; MaxAccountsDataAllocationsExceeded beyond."""
        self.allocated_bytes += new_size - size
        if new_size > size and self.allocated_bytes > MAX_ALLOCATED_BYTES:
            raise InstructionError("MaxAccountsDataAllocationsExceeded")
