"""The Token-2022 program, with the transfer fee of its extensions.

An account's other extensions are carried along untouched. Their own instructions are
refused.
"""

from __future__ import annotations

from . import (
    token_amounts,
    token_authorities,
    token_closing,
    token_opening,
    token_supply,
    token_transfers,
    transfer_fee_instructions,
)
from .invocation import Invocation
from .token_checks import INVALID_INSTRUCTION, refuse
from .token_quantities import Instruction, checked, unchecked

# By tag (spl-token-2022-interface): its name in the log, what runs, and about the compute
# units it takes.
INSTRUCTIONS: dict[int, tuple[str, Instruction, int]] = {
    0: ("InitializeMint", token_opening.initialize_mint, 1_393),
    1: ("InitializeAccount", token_opening.initialize_account, 1_935),
    2: ("InitializeMultisig", token_opening.initialize_multisig, 1_550),
    3: ("Transfer", unchecked(token_transfers.move_2022), 1_566),
    4: ("Approve", unchecked(token_authorities.approve), 1_184),
    5: ("Revoke", token_authorities.revoke, 855),
    6: ("SetAuthority", token_authorities.set_authority, 1_039),
    7: ("MintTo", unchecked(token_supply.mint_to), 1_288),
    8: ("Burn", unchecked(token_supply.burn), 1_433),
    9: ("CloseAccount", token_closing.close, 1_385),
    10: ("FreezeAccount", token_authorities.freeze, 1_154),
    11: ("ThawAccount", token_authorities.thaw, 1_154),
    12: ("TransferChecked", checked(token_transfers.move_2022), 1_733),
    13: ("ApproveChecked", checked(token_authorities.approve), 1_400),
    14: ("MintToChecked", checked(token_supply.mint_to), 1_296),
    15: ("BurnChecked", checked(token_supply.burn), 1_440),
    16: ("InitializeAccount2", token_opening.initialize_account_2, 1_730),
    17: ("SyncNative", token_closing.sync_native, 1_100),
    18: ("InitializeAccount3", token_opening.initialize_account_3, 1_606),
    19: ("InitializeMultisig2", token_opening.initialize_multisig_2, 1_455),
    20: ("InitializeMint2", token_opening.initialize_mint_2, 1_271),
    21: ("GetAccountDataSize", token_amounts.get_account_data_size, 1_204),
    22: ("InitializeImmutableOwner", token_opening.initialize_immutable_owner, 732),
    23: ("AmountToUiAmount", token_amounts.amount_to_ui_amount, 1_390),
    24: ("UiAmountToAmount", token_amounts.ui_amount_to_amount, 1_500),
}
TRANSFER_FEE_EXTENSION = 26
# Of the real program, but not of localnet: the other extensions'.
NOT_RUN = range(25, 47)


def process(call: Invocation) -> None:
    """Run one instruction; InvalidInstruction for those of other extensions."""
    tag = call.data[0] if call.data else -1
    if tag == TRANSFER_FEE_EXTENSION:
        transfer_fee_instructions.process(call, call.data[1:])
        return
    known = INSTRUCTIONS.get(tag)
    if known is None:
        if tag in NOT_RUN:
            call.log("localnet does not run this instruction")
        raise refuse(call, INVALID_INSTRUCTION)
    name, instruction, units = known
    call.log(f"Instruction: {name}")
    call.consume(units)
    instruction(call, call.data[1:])
