"""`manage.py pools`: what it reads from a chain before a pool is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from dex.background import BackgroundLoop
from dex.chain import meet_chain
from dex.localnet import genesis, genesis_raydium
from dex.localnet.fork.load import load_fork
from dex.localnet.testing import RunningLocalnet, running_localnet
from dex.models import Chain, GuardChange, Pool, Token
from dex.tests.builders import Token as MintedToken
from dex.tests.builders import TransferFees, key
from dex.tests.dumps import CPMM, TOKENS, pair, pool_file
from dex.token_names import MAX_NAME, MAX_SYMBOL, METAPLEX_PROGRAM, metaplex_address

pytestmark = pytest.mark.django_db(transaction=True)

METADATA = bytes(32) + bytes(key("token x")) + b"\7\0\0\0My coin\4\0\0\0COIN\0\0\0\0"
HOOKED = MintedToken(key("hooked"), extensions=[(14, bytes(64))])
NAMED = MintedToken(
    key("token x"), TransferFees(10), extensions=[(18, bytes(64)), (19, METADATA)]
)
PAIR = pair(tokens=(NAMED, MintedToken(key("token y"))), reserves=(10**12, 10**12))
SHORT = {
    address: f"{str(address)[:4]}-{str(address)[-4:]}"
    for address in (key("token y"), *(token.address for token in TOKENS))
}


@pytest.fixture
def chain(settings: Settings, tmp_path: Path) -> Iterator[RunningLocalnet]:
    """A localnet with two pools that nobody allowed, known to this database."""
    dumps = [
        pool_file(tmp_path / "cpmm.json", CPMM.accounts()),
        pool_file(tmp_path / "dlmm.json", PAIR.accounts()),
    ]
    loop = BackgroundLoop("localnet")
    context = running_localnet(fork=load_fork(dumps))
    running = loop.run(context.__aenter__(), 20)
    settings.SOLANA_RPC_URLS = running.urls
    meet(str(running.ledger.genesis_hash))
    yield running
    loop.run(context.__aexit__(None, None, None), 20)


def meet(genesis_hash: str) -> None:
    meet_chain(
        genesis_hash=genesis_hash,
        is_localnet=True,
        wallet=str(key("wallet")),
        newest_signature="",
    )


def pools(*arguments: object) -> list[str]:
    out = StringIO()
    call_command("pools", *map(str, arguments), stdout=out)
    return out.getvalue().splitlines()


def refusal(*arguments: object) -> str:
    with pytest.raises(CommandError) as refused:
        pools(*arguments)
    assert Pool.objects.count() == 0
    return str(refused.value)


def change(chain: RunningLocalnet, changed: object) -> None:
    """Set the accounts of a pool on the running chain."""
    chain.ledger.put(changed.accounts().items())  # type: ignore[attr-defined]


def test_a_pool_is_added_with_its_tokens_as_the_chain_has_them(chain):
    lines = pools("add", PAIR.address, "--note", "on trial")

    pool = Pool.objects.get()
    assert (pool.address, pool.venue, pool.enabled, pool.note) == (
        str(PAIR.address),
        "meteora",
        True,
        "on trial",
    )
    tokens = [
        (t.mint, t.symbol, t.name, t.decimals) for t in (pool.token_a, pool.token_b)
    ]
    assert tokens == [
        (str(key("token x")), "COIN", "My coin", 9),
        (str(key("token y")), SHORT[key("token y")], "", 9),
    ]
    assert [line.partition(":")[0] for line in lines] == [
        "token COIN",
        f"token {SHORT[key('token y')]}",
        str(pool),
    ]


def test_what_is_new_on_the_list_is_recorded_with_who_and_why(chain):
    pools("add", PAIR.address, "--by", "ann", "--reason", "deep enough", "--disabled")
    pools("add", PAIR.address, "--by", "bob", "--reason", "again")

    columns = ("changed_by", "rule", "subject", "old", "new", "reason")
    who, why = "ann", "deep enough"
    assert list(GuardChange.objects.order_by("id").values_list(*columns)) == [
        (who, "allowed_tokens", str(key("token x")), "none", "allowed", why),
        (who, "allowed_tokens", str(key("token y")), "none", "allowed", why),
        (who, "allowed_pools", str(PAIR.address), "none", "not allowed", why),
    ]


def test_adding_it_again_changes_nothing_and_says_so(chain):
    pools("add", CPMM.address, "--symbol-a", "LEFT")
    Pool.objects.update(enabled=False)

    lines = pools("add", CPMM.address, "--symbol-a", "OTHER")

    assert [line.partition(": ")[2] for line in lines] == [
        "on the list already; its symbol stays",
        "on the list already (disabled); nothing changed",
    ]
    assert (Pool.objects.count(), Token.objects.count()) == (1, 2)


def test_a_symbol_of_another_token_is_allowed_and_said(chain):
    pools("add", PAIR.address)

    lines = pools("add", CPMM.address, "--symbol-b", "COIN")

    assert (
        f"warning: the symbol COIN is also that of {key('token x')}; orders must "
        in ("\n".join(lines))
    )
    assert Token.objects.filter(symbol="COIN").count() == 2


def test_a_pool_that_is_not_open_is_added_only_switched_off(chain):
    change(chain, replace(CPMM, open_time=2**40))

    message = refusal("add", CPMM.address)
    lines = pools("add", CPMM.address, "--disabled")

    assert message.startswith(
        f"No swap works in this pool now: The pool opens at unix time {2**40}. To add it"
    )
    assert not Pool.objects.get().enabled
    assert lines[-1].startswith("warning: ")


def test_a_switched_off_pool_is_refused(chain):
    change(chain, replace(CPMM, status=4))
    assert "Swaps are switched off in this pool." in refusal("add", CPMM.address)


def test_a_token_that_can_stop_a_transfer_is_refused_in_any_case(chain):
    tokens = (HOOKED, MintedToken(key("token y")))
    change(chain, pair(tokens=tokens, reserves=(10**12, 10**12)))
    for extra in ((), ("--disabled",)):
        message = refusal("add", PAIR.address, *extra)
        assert message.startswith("The pool cannot be allowed: The token")
        assert "a transfer hook" in message


def test_what_is_no_pool_is_refused_by_name(chain):
    config = genesis_raydium.CONFIG
    for address, reason in (
        (key("nothing"), "There is no account"),
        (genesis.FAUCET.pubkey(), "belongs to 11111111111111111111111111111111. Pools"),
        (config, "The account is not a Raydium CPMM pool."),
    ):
        assert reason in refusal("add", address)


def test_a_token_that_the_list_has_otherwise_is_refused(chain):
    Token.objects.create(
        mint=str(key("token x")), symbol="COIN", decimals=6, token_program="other"
    )
    assert "the chain has 9" in refusal("add", PAIR.address)


def test_a_bad_symbol_is_refused(chain):
    for symbol in ("two words", "", "a" * (MAX_SYMBOL + 1), "a\tb"):
        message = refusal("add", PAIR.address, f"--symbol-b={symbol}")
        assert message.startswith(f"A symbol has 1 to {MAX_SYMBOL} characters")


def test_the_pool_must_be_on_the_chain_of_this_database(settings, chain):
    Chain.objects.all().delete()
    assert "run `manage.py prepare` first" in refusal("add", CPMM.address)
    meet(str(key("another chain")))
    assert "This database belongs to the chain with genesis hash" in (
        refusal("add", CPMM.address)
    )


def test_metaplex_names_a_token_that_does_not_name_itself(chain):
    padded = b"\4" + bytes(32) + bytes(key("token y"))
    padded += (32).to_bytes(4, "little") + b"Padded coin".ljust(32, b"\0")
    padded += (10).to_bytes(4, "little") + b"PAD".ljust(10, b"\0")
    account = genesis.with_rent(METAPLEX_PROGRAM, padded)
    chain.ledger.put([(metaplex_address(key("token y")), account)])

    pools("add", PAIR.address)

    assert Token.objects.filter(symbol="PAD", name="Padded coin").exists()


def test_the_list_shows_what_orders_may_use(chain):
    assert pools("list") == [
        "No pools yet. Add one with `manage.py pools add ADDRESS`."
    ]
    pools("add", CPMM.address, "--symbol-a", "L", "--symbol-b", "R", "--note", "mine")
    pools("add", PAIR.address, "--disabled")
    Token.objects.filter(symbol="R").update(enabled=False)

    assert [line.split() for line in pools("list")] == [
        ["address", "venue", "pair", "state", "note"],
        [
            str(PAIR.address),
            "meteora",
            f"COIN/{SHORT[key('token y')]}",
            "disabled",
        ],
        [str(CPMM.address), "raydium", "L/R", "token", "disabled", "mine"],
    ]

    Token.objects.update(enabled=True)
    assert pools("list")[-1].split() == [
        *(str(CPMM.address), "raydium", "L/R", "enabled", "mine")
    ]


def test_names_are_cut_to_what_the_allow_list_stores():
    columns = {field.name: field for field in Token._meta.fields}
    assert columns["symbol"].max_length == MAX_SYMBOL
    assert columns["name"].max_length == MAX_NAME
