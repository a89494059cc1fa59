"""The SPL Token program, in its newest form (p-token): it logs nothing but errors."""

from __future__ import annotations

from dex.localnet.transaction_errors import custom

from . import (
    token_amounts,
    token_authorities,
    token_closing,
    token_opening,
    token_supply,
    token_transfers,
)
from .invocation import Invocation
from .token_checks import INVALID_INSTRUCTION, refuse
from .token_quantities import Instruction, checked, unchecked

# By tag (spl-token-interface): what runs, and the compute units it takes.
INSTRUCTIONS: dict[int, tuple[Instruction, int]] = {
    0: (token_opening.initialize_mint, 87),
    1: (token_opening.initialize_account, 150),
    2: (token_opening.initialize_multisig, 176),
    3: (unchecked(token_transfers.transfer), 76),
    4: (unchecked(token_authorities.approve), 126),
    5: (token_authorities.revoke, 101),
    6: (token_authorities.set_authority, 138),
    7: (unchecked(token_supply.mint_to), 119),
    8: (unchecked(token_supply.burn), 123),
    9: (token_closing.close, 116),
    10: (token_authorities.freeze, 145),
    11: (token_authorities.thaw, 141),
    12: (checked(token_transfers.transfer), 105),
    13: (checked(token_authorities.approve), 163),
    14: (checked(token_supply.mint_to), 161),
    15: (checked(token_supply.burn), 126),
    16: (token_opening.initialize_account_2, 168),
    17: (token_closing.sync_native, 201),
    18: (token_opening.initialize_account_3, 235),
    19: (token_opening.initialize_multisig_2, 287),
    20: (token_opening.initialize_mint_2, 201),
    21: (token_amounts.get_account_data_size, 183),
    22: (token_opening.initialize_immutable_owner, 38),
    23: (token_amounts.amount_to_ui_amount, 399),
    24: (token_amounts.ui_amount_to_amount, 600),
}


# Of the real program, but not of localnet: WithdrawExcessLamports, UnwrapLamports, Batch.
NOT_RUN = (38, 45, 255)


def process(call: Invocation) -> None:
    """Run one token instruction."""
    if not call.data:
        raise custom(INVALID_INSTRUCTION)
    known = INSTRUCTIONS.get(call.data[0])
    if known is None:
        if call.data[0] in NOT_RUN:
            call.log("localnet does not run this instruction")
        raise refuse(call, INVALID_INSTRUCTION)
    instruction, units = known
    call.consume(units)
    instruction(call, call.data[1:])
