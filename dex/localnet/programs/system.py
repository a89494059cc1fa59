"""The system program: create accounts, move lamports."""

from __future__ import annotations

import struct
from dataclasses import replace

from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError, custom
from dex.solana.addresses import SYSTEM_PROGRAM
from dex.types import Account

from .invocation import Invocation

UNITS = 150
MAX_DATA_LENGTH = 10 * 1024 * 1024
ACCOUNT_ALREADY_IN_USE = 0
RESULT_WITH_NEGATIVE_LAMPORTS = 1
INVALID_ACCOUNT_DATA_LENGTH = 3


def process(call: Invocation) -> None:
    """Run one system instruction (tags and layouts: solana-system-interface)."""
    call.consume(UNITS)
    if len(call.data) < 4:
        raise InstructionError("InvalidInstructionData")
    tag = int.from_bytes(call.data[:4], "little")
    body = call.data[4:]
    try:
        if tag == 0:
            lamports, space, owner = struct.unpack("<QQ32s", body)
            _create_account(call, lamports, space, Pubkey(owner))
        elif tag == 1:
            _assign(call, 0, Pubkey(struct.unpack("<32s", body)[0]))
        elif tag == 2:
            _transfer(call, struct.unpack("<Q", body)[0])
        elif tag == 8:
            _allocate(call, 0, struct.unpack("<Q", body)[0])
        else:
            raise InstructionError("InvalidInstructionData")
    except struct.error:
        raise InstructionError("InvalidInstructionData") from None


def _create_account(call: Invocation, lamports: int, space: int, owner: Pubkey) -> None:
    if call.account(1).lamports > 0:
        call.execution.logs.append(
            f"Create Account: account Address {{ address: {call.address(1)}, "
            "base: None } already in use"
        )
        raise custom(ACCOUNT_ALREADY_IN_USE)
    _allocate(call, 1, space)
    _assign(call, 1, owner)
    _transfer(call, lamports)


def _allocate(call: Invocation, position: int, space: int) -> None:
    call.require_signer(position)
    account = call.account(position)
    if account.data or account.owner != SYSTEM_PROGRAM:
        raise custom(ACCOUNT_ALREADY_IN_USE)
    if space > MAX_DATA_LENGTH:
        raise custom(INVALID_ACCOUNT_DATA_LENGTH)
    call.write(position, replace(account, data=bytes(space)))


def _assign(call: Invocation, position: int, owner: Pubkey) -> None:
    account = call.account(position)
    if account.owner != owner:
        call.require_signer(position)
        call.write(position, replace(account, owner=owner))


def _transfer(call: Invocation, lamports: int) -> None:
    call.require_signer(0)
    source = call.account(0)
    if source.data:
        call.execution.logs.append("Transfer: `from` must not carry data")
        raise InstructionError("InvalidArgument")
    if lamports > source.lamports:
        call.execution.logs.append(
            f"Transfer: insufficient lamports {source.lamports}, need {lamports}"
        )
        raise custom(RESULT_WITH_NEGATIVE_LAMPORTS)
    call.write(0, replace(source, lamports=source.lamports - lamports))
    credit(call, 1, lamports)


def credit(call: Invocation, position: int, lamports: int) -> None:
    """Add lamports to an account."""
    target: Account = call.account(position)
    call.write(position, replace(target, lamports=target.lamports + lamports))
