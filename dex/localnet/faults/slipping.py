"""A swap that misses its floor: what a real one does when the price runs away.

The floor in the swap's instruction is raised as far as it goes, so that the venue's own
program refuses it with its own error and its own logs.
"""

from __future__ import annotations

from solders.instruction import CompiledInstruction
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.localnet.runtime import Loaded
from dex.venues import meteora, raydium

# Both have the floor of an exact-in swap behind discriminator and amount.
FLOOR = slice(16, 24)
HIGHEST = b"\xff" * 8
SWAPS: dict[Pubkey, bytes] = {
    raydium.PROGRAM_ID: raydium.SWAP_BASE_INPUT,
    meteora.PROGRAM_ID: meteora.SWAP2,
}


def with_highest_floor(loaded: Loaded) -> Loaded:
    """Return the transaction with every swap's floor raised; the signatures stay."""
    message = loaded.message
    instructions = [_raised(loaded, each) for each in loaded.instructions]
    header, keys = message.header, message.account_keys
    raised: Message | MessageV0
    if isinstance(message, MessageV0):
        raised = MessageV0(
            header,
            keys,
            message.recent_blockhash,
            instructions,
            message.address_table_lookups,
        )
    else:
        raised = Message.new_with_compiled_instructions(
            header.num_required_signatures,
            header.num_readonly_signed_accounts,
            header.num_readonly_unsigned_accounts,
            keys,
            message.recent_blockhash,
            instructions,
        )
    signatures = loaded.transaction.signatures
    return Loaded(VersionedTransaction.populate(raised, signatures))


def _raised(loaded: Loaded, instruction: CompiledInstruction) -> CompiledInstruction:
    data = bytearray(instruction.data)
    swap = SWAPS.get(loaded.keys[instruction.program_id_index])
    if swap is None or not data.startswith(swap) or len(data) < FLOOR.stop:
        return instruction
    data[FLOOR] = HIGHEST
    return CompiledInstruction(
        instruction.program_id_index, bytes(data), instruction.accounts
    )
