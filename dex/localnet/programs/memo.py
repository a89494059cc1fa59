"""The memo program: log a text, and check that the accounts it names have signed."""

from __future__ import annotations

from dex.localnet.transaction_errors import InstructionError

from .invocation import Invocation

# Fitted to the program itself: 287 units for a memo of 38 bytes without signers.
BASE_UNITS = 249
UNITS_PER_SIGNER = 218


def process(call: Invocation) -> None:
    """Log the memo; ProgramFailedToComplete when it is not UTF-8."""
    call.consume(BASE_UNITS + len(call.data) + UNITS_PER_SIGNER * len(call.accounts))
    if call.accounts:
        call.log("Signed by:")
        for position in range(len(call.accounts)):
            call.log(str(call.require_signer(position)))
    call.log(f"Memo (len {len(call.data)})")
    try:
        call.log(call.data.decode())
    except UnicodeDecodeError:
        raise InstructionError("ProgramFailedToComplete") from None
