"""The compute budget program, and what a transaction asks of it."""

from __future__ import annotations

from dataclasses import dataclass

from solders.instruction import CompiledInstruction
from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import TransactionError
from dex.solana.addresses import COMPUTE_BUDGET_PROGRAM

from .invocation import Invocation

UNITS = 150
UNITS_PER_INSTRUCTION = 200_000
MAX_UNITS = 1_400_000
LAMPORTS_PER_SIGNATURE = 5_000


@dataclass(frozen=True, slots=True)
class Budget:
    """A transaction's compute limit, and its price in micro-lamports per unit."""

    unit_limit: int
    unit_price: int

    def fee(self, signatures: int) -> int:
        """Return the fee in lamports: per signature, plus price × limit, rounded up."""
        priority = -(-self.unit_price * self.unit_limit // 1_000_000)
        return LAMPORTS_PER_SIGNATURE * signatures + priority


def process(call: Invocation) -> None:
    """Do nothing: the budget is read before the transaction runs."""
    call.consume(UNITS)


def read_budget(keys: list[Pubkey], instructions: list[CompiledInstruction]) -> Budget:
    """Read the budget a transaction asks for; TransactionError when it is malformed."""
    limit: int | None = None
    price: int | None = None
    others = 0
    for index, instruction in enumerate(instructions):
        if keys[instruction.program_id_index] != COMPUTE_BUDGET_PROGRAM:
            others += 1
            continue
        data = bytes(instruction.data)
        tag, value = data[:1], int.from_bytes(data[1:], "little")
        if tag == b"\x02" and len(data) == 5 and limit is None:
            limit = value
        elif tag == b"\x03" and len(data) == 9 and price is None:
            price = value
        elif tag in (b"\x02", b"\x03") and len(data) in (5, 9):
            raise TransactionError({"DuplicateInstruction": index})
        elif tag not in (b"\x01", b"\x04") or len(data) != 5:
            raise TransactionError(
                {"InstructionError": [index, "InvalidInstructionData"]}
            )
    if limit is None:
        limit = others * UNITS_PER_INSTRUCTION
    return Budget(min(limit, MAX_UNITS), price or 0)
