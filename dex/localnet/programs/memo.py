"""The memo programs: log a text, and check that the accounts it names have signed.

Two are in use: version 3, which logs, and version 1, which does not.
"""

from __future__ import annotations

from dex.localnet.transaction_errors import InstructionError

from .invocation import Invocation

# About what version 1 uses; it depends on the letters.
V1_UNITS = 260


def process(call: Invocation) -> None:
    """Log the memo; an error when it is not UTF-8 or a named account has not signed."""
    named = {meta.pubkey: meta for meta in call.accounts}
    call.consume(_units(len(call.data), len(named)))
    if named:
        call.log("Signed by:")
    for address, meta in named.items():
        if meta.is_signer:
            call.log(str(address))
    if not all(meta.is_signer for meta in named.values()):
        raise InstructionError("MissingRequiredSignature")
    call.log(f"Memo (len {len(call.data)})")
    try:
        call.log(call.data.decode())
    except UnicodeDecodeError as error:
        raise InstructionError(
            "ProgramFailedToComplete", _invalid_utf8(call.data, error)
        ) from None


def process_v1(call: Invocation) -> None:
    """Accept the memo silently; InvalidInstructionData when it is not UTF-8."""
    call.consume(V1_UNITS + len(call.data) // 2)
    try:
        call.data.decode()
    except UnicodeDecodeError:
        raise InstructionError("InvalidInstructionData") from None


def _units(length: int, signers: int) -> int:
    """Return what version 3 uses (measured): each log costs 100 units, or its length."""
    units = 274 + 13 * (len(str(length)) - 1) + max(0, length - 100)
    if length == 0:
        units = 232
    if signers:
        units += 111 + 115 * signers
    return units


def _invalid_utf8(data: bytes, error: UnicodeDecodeError) -> str:
    """Say it as the runtime does (Rust's Utf8Error)."""
    if error.reason == "unexpected end of data":
        where = f"incomplete utf-8 byte sequence from index {error.start}"
    else:
        length = error.end - error.start
        where = f"invalid utf-8 sequence of {length} bytes from index {error.start}"
    return f"{where}: {list(data)}"
