"""Dumps that cannot be used, each refused with what to do."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from dex.localnet import genesis
from dex.localnet.fork.dumps import BadDump, read_dumps
from dex.localnet.fork.load import load_fork
from dex.types import Account

from .builders import RAYDIUM, key
from .dumps import CPMM, cli_text, pair, pool_file


def refusal(path) -> str:
    with pytest.raises(BadDump) as refused:
        load_fork([path])
    return str(refused.value)


def refusal_of_text(tmp_path, text: str) -> str:
    path = tmp_path / "dump.json"
    path.write_text(text)
    return refusal(path).removeprefix(f"{path}").removeprefix(": ")


@pytest.mark.parametrize(
    ("what", "address"),
    [("fee tier", key("cpmm config")), ("vault", key("vault 0"))],
)
def test_an_account_that_nothing_else_tells_is_asked_for(tmp_path, what, address):
    path = pool_file(tmp_path / "dump.json", CPMM.accounts(), without=(address,))
    message = refusal(path)
    assert message.startswith(f"The {what} {address} is missing")
    assert f"`solana account {address} --output json`" in message


def test_a_pair_needs_its_mints_and_the_bin_array_of_its_price(tmp_path):
    made = pair()
    for address in (key("token x"), made.array_address(0)):
        path = pool_file(tmp_path / "dump.json", made.accounts(), without=(address,))
        assert f"solana account {address} --output json" in refusal(path)


def test_a_file_must_hold_accounts(tmp_path):
    account = next(iter(CPMM.accounts().values()))
    assert account is not None
    entry = json.loads(cli_text(CPMM.address, account))
    for text, start in (
        ("", "No pool of Raydium CPMM or Meteora DLMM is in "),
        ("{", " is not JSON: "),
        ("3", "'3' is no account and no pool."),
        ("{}", "A pool has no `accounts`."),
        (json.dumps(entry | {"pubkey": "x"}), "'x' is not a Solana address."),
        (
            json.dumps(
                entry | {"account": entry["account"] | {"data": ["?", "base64"]}}
            ),
            f"The data of {CPMM.address} are no base64: ",
        ),
        (
            json.dumps(
                entry | {"account": entry["account"] | {"data": ["1", "base58"]}}
            ),
            f"The account {CPMM.address} is encoded as 'base58'; base64 is needed",
        ),
        (
            json.dumps(entry | {"account": entry["account"] | {"data": {"parsed": 1}}}),
            f"The data of {CPMM.address} are no base64 text.",
        ),
    ):
        assert refusal_of_text(tmp_path, text).startswith(start)


def test_accounts_of_other_programs_and_other_kinds_are_refused(tmp_path):
    for account, reason in (
        (Account(key("who"), 1, b""), f"belongs to {key('who')}, which no swap"),
        (Account(RAYDIUM, 1, bytes(637)), "is no pool, fee tier, observation account"),
    ):
        accounts = {**CPMM.accounts(), key("odd"): account}
        message = refusal(pool_file(tmp_path / "dump.json", accounts))
        assert message.startswith(f"The account {key('odd')}")
        assert reason in message


def test_two_dumps_must_agree_about_an_account(tmp_path):
    first = pool_file(tmp_path / "first.json", CPMM.accounts())
    other = replace(CPMM, protocol_fees=(1, 1))
    second = pool_file(tmp_path / "second.json", other.accounts())
    with pytest.raises(
        BadDump, match=f"{CPMM.address} is there twice, and not the same"
    ):
        load_fork([first, second])


def test_a_pool_that_localnet_begins_with_cannot_be_forked(tmp_path):
    pool = genesis.pools()[0]
    accounts = dict(pool.accounts)
    held = accounts[pool.address]
    changed = held.data[:341] + b"\1" + held.data[342:]
    path = pool_file(
        tmp_path / "dump.json", {**accounts, pool.address: replace(held, data=changed)}
    )
    assert refusal(path).startswith(
        f"Localnet has an account {pool.address} of its own, and it differs."
    )


def test_the_command_says_what_is_wrong_with_a_dump(tmp_path):
    missing = tmp_path / "missing.json"
    with pytest.raises(CommandError, match=f"{missing} cannot be read: "):
        call_command("localnet", "--ledger", str(tmp_path), "--fork", str(missing))


def test_a_file_nested_too_deeply_is_no_dump(tmp_path):
    nested = tmp_path / "nested.json"
    nested.write_text("[" * 100_000)

    with pytest.raises(BadDump, match="is not JSON"):
        read_dumps([nested])


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--port", "99999", "--port cannot be 99999; it must be from 0"),
        ("--port", "-1", "--port cannot be -1; it must be from 0"),
        ("--port", "65535", "--port cannot be 65535; it must be from 0"),
        ("--nodes", "0", "--nodes cannot be 0; it must be from 1 to 16"),
        ("--slots-to-confirm", "32", "must be from 0 to 31"),
        ("--slot-time", "nan", "must be above 0 s"),
    ],
)
def test_the_command_says_which_values_an_option_takes(tmp_path, option, value, reason):
    with pytest.raises(CommandError, match=reason):
        call_command("localnet", "--ledger", str(tmp_path), f"{option}={value}")
