"""Transaction errors as stable codes: which program failed, and what it calls that.

An error that a program returned through another one (the token program inside a swap)
keeps its number on the way out. Logs tell who failed first; without them the number
does: a venue's own errors begin at 6000 and Anchor's at 100, below are the token
programs'.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from solders.message import MessageV0
from solders.pubkey import Pubkey

from .addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    MEMO_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)
from .error_meanings import OF_PROGRAMS, OF_THE_CHAIN, TransactionError
from .error_names import NAMES, TOKEN

PROGRAMS = {
    SYSTEM_PROGRAM: "system",
    TOKEN_PROGRAM: "token",
    TOKEN_2022_PROGRAM: "token_2022",
    ASSOCIATED_TOKEN_PROGRAM: "associated_token",
    MEMO_PROGRAM: "memo",
    COMPUTE_BUDGET_PROGRAM: "compute_budget",
}
ANCHOR_FIRST = 100

# An identifier of Rust: whatever else a node writes there is no name.
NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
MAX_SHOWN = 500

# What the runtime logs of each program on the way out; the innermost comes first. What
# programs log themselves begins with "Program log: ".
FAILED = re.compile(r"Program ([1-9A-HJ-NP-Za-km-z]{32,44}) failed: ")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where it happened: the instruction, its program, and who else may have failed."""

    index: int
    address: Pubkey | None
    caller: str
    is_venue: bool
    logged: str
    token_programs: tuple[str, ...]

    @property
    def calls_tokens(self) -> bool:
        return self.is_venue or self.caller == "associated_token"


def decode_error(
    error: Any,
    message: MessageV0,
    venues: Mapping[Pubkey, str],
    logs: Sequence[str] = (),
) -> TransactionError:
    """Decode a node's `err` of the transaction with this message, whatever it is.

    `venues` maps the program of each venue to its name.
    """
    match error:
        case {"InstructionError": [int(index), detail]}:
            return _instruction_error(detail, _place(index, message, venues, logs))
    name = _name(error)
    return _with_meaning(OF_THE_CHAIN.get(name), "", name) or _unknown(error, name=name)


def _instruction_error(detail: Any, place: _Place) -> TransactionError:
    name = _name(detail)
    program = place.logged or place.caller
    match detail:
        case {"Custom": int(number)}:
            program = place.logged or _failing_program(number, place)
            # Where it is unclear which token program failed, both call it the same.
            table = program or ("token" if place.calls_tokens else "")
            name = NAMES.get(table, {}).get(number, "")
            meanings = OF_PROGRAMS.get(table, {})
        case _:
            meanings = OF_THE_CHAIN
    known = _with_meaning(meanings.get(name), program, name)
    where = f" in instruction {place.index} of program {place.address}"
    return known or _unknown(detail, where, program=program, name=name)


def _failing_program(number: int, place: _Place) -> str:
    """Tell by its number alone which program returned an error; "" when unclear."""
    if place.caller == "associated_token":
        # It creates the account by the system program, then has the token program
        # write it. Neither of their first errors can come from there otherwise.
        inner: tuple[str, ...] = ("associated_token", "system")
        return inner[number] if number < len(inner) else _token_program(number, place)
    if place.is_venue:
        return place.caller if number >= ANCHOR_FIRST else _token_program(number, place)
    return place.caller


def _token_program(number: int, place: _Place) -> str:
    if number not in TOKEN:
        return "token_2022"
    return place.token_programs[0] if len(place.token_programs) == 1 else ""


def _place(
    index: int, message: MessageV0, venues: Mapping[Pubkey, str], logs: Sequence[str]
) -> _Place:
    keys = message.account_keys
    instructions = message.instructions
    address = (
        keys[instructions[index].program_id_index]
        if 0 <= index < len(instructions)
        else None
    )
    known = {**PROGRAMS, **venues}
    return _Place(
        index,
        address,
        caller=known.get(address, str(address)) if address else "",
        is_venue=address in venues,
        logged=_first_failed(logs, known),
        token_programs=tuple(
            PROGRAMS[key] for key in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM) if key in keys
        ),
    )


def _first_failed(logs: Sequence[str], known: Mapping[Pubkey, str]) -> str:
    for line in logs:
        found = FAILED.match(line)
        if found:
            names = {str(address): name for address, name in known.items()}
            return names.get(found[1], found[1])
    return ""


def _with_meaning(
    meaning: TransactionError | None, program: str, name: str
) -> TransactionError | None:
    return meaning and replace(meaning, program=program, name=name)


def _name(error: Any) -> str:
    """Return the name of an error, which JSON shows as "Name" or {"Name": detail}."""
    if isinstance(error, dict) and len(error) == 1:
        error = next(iter(error))
    return error if isinstance(error, str) and NAME.fullmatch(error) else ""


def _unknown(
    error: Any, where: str = "", *, program: str = "", name: str = ""
) -> TransactionError:
    shown = json.dumps(error)[:MAX_SHOWN]  # as the node wrote it, in plain ASCII
    named = f" ({name})" if name and name not in shown else ""
    return TransactionError(
        "transaction_failed",
        f"The chain refused the transaction: {shown}{named}{where}. Nothing was "
        "swapped.",
        retryable=False,
        program=program,
        name=name,
    )
