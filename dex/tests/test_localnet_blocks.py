"""Blocks, performance samples and the cluster of one leader."""

from __future__ import annotations

import pytest

from dex.localnet.slots import FIRST_SLOT

from .localnet_methods import CONFIRMED, PROCESSED, methods, payment

__all__ = ["methods"]


NEW = {**CONFIRMED, "maxSupportedTransactionVersion": 0}


@pytest.fixture
def block(methods):
    """A slot of its own in which two transactions landed."""
    methods.call("localnet_advance", {"slots": 1})
    records = [methods.land(payment(), memo=memo) for memo in ("first", "second")]
    return records[0].slot, records


def test_block_holds_what_landed_in_its_slot(methods, block):
    slot, records = block
    clock = methods.network.ledger.clock

    answer = methods.call("getBlock", slot, NEW)

    shown = [methods.call("getTransaction", each.signature, NEW) for each in records]
    assert answer == {
        "previousBlockhash": str(clock.blockhash(slot - 1)),
        "blockhash": str(clock.blockhash(slot)),
        "parentSlot": slot - 1,
        "transactions": [
            {name: each[name] for name in ("transaction", "meta", "version")}
            for each in shown
        ],
        "rewards": [],
        "blockTime": clock.unix_timestamp(slot),
        "blockHeight": slot - 500,
    }


def test_block_shows_as_much_of_its_transactions_as_is_asked_for(methods, block):
    slot, records = block

    def get(details, **options):
        wanted = {**NEW, "transactionDetails": details, **options}
        return methods.call("getBlock", slot, wanted)

    signatures = get("signatures", rewards=False)
    accounts = get("accounts", rewards=False)
    assert "transactions" not in get("none")
    assert "rewards" not in signatures
    assert signatures["signatures"] == [record.signature for record in records]
    assert accounts["transactions"][0]["transaction"] == {
        "signatures": [records[0].signature],
        "accountKeys": methods.call(
            "getTransaction", records[0].signature, {**NEW, "encoding": "jsonParsed"}
        )["transaction"]["message"]["accountKeys"],
    }
    assert set(accounts["transactions"][0]["meta"]) == {
        *("err", "status", "fee", "preBalances", "postBalances"),
        *("preTokenBalances", "postTokenBalances"),
    }
    full = get("full", rewards=False)
    assert full["transactions"][0]["meta"]["rewards"] is None
    shown = get("accounts")["transactions"][0]["meta"]
    assert shown["rewards"] == []


def test_block_of_old_clients_takes_a_bare_encoding(methods):
    slot = methods.slot
    methods.call("localnet_advance", {"slots": 40})

    assert methods.call("getBlock", slot + 1, "base64")["transactions"] == []


@pytest.mark.parametrize("method", ["getBlock", "getBlockTime"])
def test_slot_without_a_block_is_named(methods, method):
    newest = methods.slot

    early = methods.refusal(method, FIRST_SLOT - 1)
    late = methods.refusal(method, newest + 1)

    assert early == {
        "code": -32001,
        "message": f"Block {FIRST_SLOT - 1} cleaned up, does not exist on node. "
        f"First available block: {FIRST_SLOT}",
    }
    assert late == {
        "code": -32004,
        "message": f"Block not available for slot {newest + 1}",
    }


def test_blocks_are_listed_from_the_first_to_the_newest_settled(methods):
    methods.call("localnet_advance", {"slots": 40})
    newest = methods.slot

    def blocks(*params):
        return methods.call("getBlocks", *params)

    assert blocks(newest - 2, newest, CONFIRMED) == [newest - 2, newest - 1, newest]
    assert blocks(newest - 2, None, CONFIRMED) == blocks(newest - 2, CONFIRMED)
    assert blocks(newest - 33) == [newest - 33, newest - 32]  # finalized
    assert blocks(FIRST_SLOT - 5, FIRST_SLOT + 1) == [FIRST_SLOT, FIRST_SLOT + 1]
    assert blocks(newest, newest - 1, CONFIRMED) == []
    limited = methods.call("getBlocksWithLimit", newest - 3, 2, CONFIRMED)
    assert limited == [newest - 3, newest - 2]
    assert methods.call("getBlockTime", newest) == (
        methods.network.ledger.clock.unix_timestamp(newest)
    )
    for method in ("getFirstAvailableBlock", "minimumLedgerSlot"):
        assert methods.call(method) == FIRST_SLOT


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("getBlocksWithLimit", [FIRST_SLOT, 500_001], "Limit too large; max 500000"),
        (
            *("getBlocks", [0, "last"]),
            'Invalid params: params[1]: invalid type: string `"last"`, expected u64.',
        ),
        (
            *("getBlocks", [FIRST_SLOT, None, PROCESSED]),
            "Method does not support commitment below `confirmed`",
        ),
        (
            *("getBlock", [FIRST_SLOT, {"transactionDetails": "some"}]),
            "Invalid params: transactionDetails: unknown variant `some`, expected one "
            "of `full`, `accounts`, `signatures`, `none`.",
        ),
        ("getRecentPerformanceSamples", [721], "Invalid limit; max 720"),
        ("getSlotLeaders", [FIRST_SLOT, 5_001], "Invalid limit; max 5000"),
        (
            *("getSlotLeaders", [10**7, 1]),
            "Invalid slot range: leader schedule for slot 10000000 unknown",
        ),
    ],
)
def test_ranges_beyond_the_limits_are_refused(methods, method, params, message):
    assert methods.refusal(method, *params) == {"code": -32602, "message": message}


def test_transactions_are_counted_up_to_the_slot_asked_for(methods, block):
    before = methods.call("getTransactionCount", CONFIRMED)
    finalized = methods.call("getTransactionCount")

    methods.land(payment(), memo="third")

    assert methods.call("getTransactionCount", CONFIRMED) == before + 1
    assert methods.call("getTransactionCount") == finalized


def test_samples_count_what_landed_in_each_minute(methods, block):
    slot, _ = block
    methods.call("localnet_advance", {"slots": 33})

    samples = methods.call("getRecentPerformanceSamples", 2)

    # One slot of this clock is an hour, so a sample has one slot.
    newest = methods.slot - 32
    assert [sample["slot"] for sample in samples] == [newest, newest - 1]
    assert newest - 1 == slot
    assert samples[1] == {
        **{"slot": slot, "numSlots": 1, "samplePeriodSecs": 60},
        **{"numTransactions": 2, "numNonVoteTransactions": 2},
    }
    assert samples[0]["numTransactions"] == 0
