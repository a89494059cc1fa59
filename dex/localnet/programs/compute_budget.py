"""The compute budget program, and what a transaction asks of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from solders.instruction import CompiledInstruction
from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import TransactionError
from dex.solana.addresses import COMPUTE_BUDGET_PROGRAM

from .invocation import NATIVE_PROGRAMS, Invocation

UNITS = 150
UNITS_PER_INSTRUCTION = 200_000
# Each of a native program's, which runs inside the node (SIMD-170).
UNITS_PER_NATIVE_INSTRUCTION = 3_000
MAX_UNITS = 1_400_000
LAMPORTS_PER_SIGNATURE = 5_000
MIN_HEAP_BYTES, MAX_HEAP_BYTES = 32 * 1024, 256 * 1024
HEAP_STEP_BYTES = 1024
HEAP_UNITS = 8
MAX_LOADED_BYTES = 64 * 1024 * 1024
UINT64_MAX = 2**64 - 1

HEAP, LIMIT, PRICE, LOADED_BYTES = 1, 2, 3, 4
# Bytes that a value takes behind the tag.
WIDTHS = {HEAP: 4, LIMIT: 4, PRICE: 8, LOADED_BYTES: 4}


@dataclass(frozen=True, slots=True)
class Budget:
    """What a transaction asks for: compute units, their price in micro-lamports, and
    how many bytes of accounts and of heap it may use.
    """

    unit_limit: int
    unit_price: int = 0
    loaded_bytes: int = MAX_LOADED_BYTES
    heap_bytes: int = MIN_HEAP_BYTES

    @property
    def heap_units(self) -> int:
        """Return what every program costs for its heap: 8 per 32 KiB beyond the first."""
        return HEAP_UNITS * (-(-self.heap_bytes // MIN_HEAP_BYTES) - 1)

    def fee(self, signatures: int) -> int:
        """Return the fee in lamports: per signature, plus price × limit, rounded up."""
        priority = -(-self.unit_price * self.unit_limit // 1_000_000)
        return LAMPORTS_PER_SIGNATURE * signatures + min(priority, UINT64_MAX)


@dataclass
class _Requests:
    """Values asked for so far, by tag, and the units of a transaction that asks none."""

    values: dict[int, int] = field(default_factory=dict)
    default_units: int = 0
    heap_index: int = 0


def process(call: Invocation) -> None:
    """Do nothing: the budget is read before the transaction runs."""
    call.consume(UNITS)


def read_budget(keys: list[Pubkey], instructions: list[CompiledInstruction]) -> Budget:
    """Read the budget a transaction asks for; TransactionError when it is malformed."""
    requests = _Requests()
    for index, instruction in enumerate(instructions):
        program = keys[instruction.program_id_index]
        if program in NATIVE_PROGRAMS:
            requests.default_units += UNITS_PER_NATIVE_INSTRUCTION
        else:
            requests.default_units += UNITS_PER_INSTRUCTION
        if program == COMPUTE_BUDGET_PROGRAM:
            _read(requests, index, bytes(instruction.data))
    values = requests.values
    heap_bytes = values.get(HEAP, MIN_HEAP_BYTES)
    if not MIN_HEAP_BYTES <= heap_bytes <= MAX_HEAP_BYTES or (
        heap_bytes % HEAP_STEP_BYTES
    ):
        raise _invalid(requests.heap_index)
    loaded_bytes = values.get(LOADED_BYTES, MAX_LOADED_BYTES)
    if loaded_bytes == 0:
        raise TransactionError("InvalidLoadedAccountsDataSizeLimit")
    return Budget(
        min(values.get(LIMIT, requests.default_units), MAX_UNITS),
        values.get(PRICE, 0),
        min(loaded_bytes, MAX_LOADED_BYTES),
        heap_bytes,
    )


def _read(requests: _Requests, index: int, data: bytes) -> None:
    """Read one request; what stands behind its value is ignored."""
    tag = data[0] if data else 0
    width = WIDTHS.get(tag)
    if width is None or len(data) < 1 + width:
        raise _invalid(index)
    if tag in requests.values:
        raise TransactionError({"DuplicateInstruction": index})
    requests.values[tag] = int.from_bytes(data[1 : 1 + width], "little")
    if tag == HEAP:
        requests.heap_index = index


def _invalid(index: int) -> TransactionError:
    return TransactionError({"InstructionError": [index, "InvalidInstructionData"]})
