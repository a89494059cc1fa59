from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0

from dex.chain import meet_chain
from dex.errors import LiftRefused, TradingHalted
from dex.halting import (
    Violation,
    accepted,
    check_not_halted,
    halt_by_operator,
    halt_trading,
    lift_halt,
    standing_halt,
)
from dex.models import Chain, TradingHalt
from dex.solana.wallet import Wallet
from dex.types import SignedTransaction

pytestmark = pytest.mark.django_db

FIRST = Violation("landed_twice", "order-1", "two signatures")
SECOND = Violation("landed_twice", "order-2", "two signatures")


@pytest.fixture(autouse=True)
def chain() -> Chain:
    return meet_chain(
        genesis_hash="GenesisA",
        is_localnet=True,
        wallet="WalletA",
        newest_signature="sig1",
    )


def sign() -> SignedTransaction:
    keypair = Keypair.from_seed(bytes(32))
    message = MessageV0.try_compile(keypair.pubkey(), [], [], Hash.default())
    return Wallet(keypair).sign(message, 100)


def test_the_signer_refuses_while_trading_is_halted_and_signs_once_it_is_lifted():
    check_not_halted()
    halt_trading("a stranger signs with our wallet")

    with pytest.raises(TradingHalted, match="a stranger signs"):
        sign()

    lift_halt(by="ann", reason="it was me")
    assert sign().last_valid_block_height == 100


def test_the_log_says_who_halts_and_lifts_and_what_is_accepted_with_it(caplog):
    halt_by_operator(by="ann", reason="a leak")
    lift_halt(by="ann", reason="closed")
    halt_trading("differs", [FIRST, SECOND])
    lift_halt(by="bob", reason="it was me")
    said = [record.getMessage() for record in caplog.records]

    assert said == [
        "ann changed trading from active to halted: a leak",
        "trading is halted by ann: a leak",
        "ann changed trading from halted to active: closed",
        "ann lifted the halt: closed",
        "engine changed trading from active to halted: differs",
        "trading is halted by engine: differs",
        "bob changed trading from halted to active: it was me",
        "bob lifted the halt and accepts 2 violations: it was me",
    ]


def test_the_first_reason_of_a_halt_stays():
    halt_trading("first")
    halted_at = Chain.objects.get().halted_at

    halt_trading("second")

    chain = Chain.objects.get()
    assert (chain.halted_at, chain.halted_reason) == (halted_at, "first")
    assert TradingHalt.objects.get().reason == "first"


def test_a_halt_gathers_what_is_found_while_it_stands_each_once():
    halt_trading("first", [FIRST])
    halt_trading("second", [FIRST, SECOND, SECOND])

    assert TradingHalt.objects.get().violations == [
        ["landed_twice", "order-1", "two signatures"],
        ["landed_twice", "order-2", "two signatures"],
    ]


def test_a_lift_is_recorded_and_accepts_what_was_found():
    halt_trading("first", [FIRST])
    assert accepted({FIRST.pair}) == set()

    lift_halt(by="ann", reason=" looked at it ")

    halt = TradingHalt.objects.get()
    assert (halt.lifted_by, halt.lifted_reason) == ("ann", "looked at it")
    assert halt.lifted_at is not None
    assert standing_halt() is None
    assert accepted({FIRST.pair, SECOND.pair}) == {FIRST.pair}


def test_each_halt_has_a_record_of_its_own():
    for reason in ("one", "two"):
        halt_trading(reason)
        lift_halt(by="ann", reason="fine")
    halt_trading("three")

    halts = TradingHalt.objects.order_by("id")
    assert [halt.reason for halt in halts] == ["one", "two", "three"]
    assert standing_halt() == halts[2]


def test_a_halt_from_before_halts_were_recorded_is_lifted_with_its_own_reason():
    Chain.objects.update(halted_at="2026-11-20T09:00:00Z", halted_reason="of old")

    lift_halt(by="ann", reason="fine")

    assert TradingHalt.objects.get().reason == "of old"
    check_not_halted()


def test_a_halt_that_was_set_by_hand_stands_with_a_record_and_gathers_findings():
    Chain.objects.update(halted_at="2026-11-20T09:00:00Z")

    halt = standing_halt()

    assert halt is not None
    assert halt.reason == "Halted by hand, without a reason."
    assert halt.began_at == Chain.objects.get().halted_at
    halt_trading("first", [FIRST])
    assert standing_halt() == halt
    assert TradingHalt.objects.get().violations == [
        ["landed_twice", "order-1", "two signatures"]
    ]


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_halt_is_not_lifted_without_a_reason(reason):
    halt_trading("first")

    with pytest.raises(LiftRefused, match="why"):
        lift_halt(by="ann", reason=reason)

    assert standing_halt() is not None


def test_what_the_operator_was_not_shown_is_not_accepted():
    halt_trading("first", [FIRST])
    halt_trading("first", [SECOND])

    with pytest.raises(LiftRefused, match="1 more violations"):
        lift_halt(by="ann", reason="fine", seen=1)

    assert standing_halt() is not None


def test_nothing_is_lifted_where_nothing_is_halted():
    with pytest.raises(LiftRefused, match="not halted"):
        lift_halt(by="ann", reason="fine")


def test_a_database_that_met_no_chain_cannot_be_halted():
    Chain.objects.all().delete()

    halt_trading("first")

    assert not TradingHalt.objects.exists()


def test_the_command_lifts_a_halt_and_says_what_it_accepted(capsys):
    halt_trading("a stranger", [FIRST])

    call_command("resume_trading", reason="looked at it", by="ann")

    assert capsys.readouterr().out.splitlines() == [
        "Trading goes on. The halt was: a stranger",
        "Accepted by ann (1):",
        "  landed_twice: order-1: two signatures",
    ]
    assert TradingHalt.objects.get().lifted_by == "ann"


def test_the_command_refuses_in_one_sentence():
    with pytest.raises(CommandError, match="Trading is not halted"):
        call_command("resume_trading", reason="fine")
    with pytest.raises(CommandError, match="--reason"):
        call_command("resume_trading")
