"""Blocks, performance samples and the cluster of one leader."""

from __future__ import annotations

import pytest
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from dex.localnet.genesis import FAUCET
from dex.localnet.server import METHODS
from dex.localnet.slots import FIRST_SLOT

from .localnet_methods import CONFIRMED, PROCESSED, SOL, WALLET, methods

__all__ = ["methods"]

FRIEND = Pubkey(bytes([0x51]) * 32)
NEW = {**CONFIRMED, "maxSupportedTransactionVersion": 0}


def payment():
    return transfer(
        TransferParams(from_pubkey=WALLET.pubkey(), to_pubkey=FRIEND, lamports=SOL)
    )


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


def test_cluster_has_one_leader_and_as_many_nodes_as_it_has(methods):
    identity = methods.call("getIdentity")["identity"]
    nodes = methods.call("getClusterNodes")
    schedule = methods.call("getLeaderSchedule")
    slot = methods.slot

    assert nodes[0]["pubkey"] == identity
    assert len({node["pubkey"] for node in nodes}) == 2
    assert methods.call("getSlotLeader") == identity
    assert methods.call("getSlotLeaders", slot, 3) == [identity] * 3
    assert list(schedule) == [identity]
    assert schedule[identity] == list(range(432_000))
    assert methods.call("getLeaderSchedule", None, {"identity": str(FRIEND)}) == {}
    assert methods.call("getLeaderSchedule", {"identity": identity}) == schedule
    assert methods.call("getLeaderSchedule", 10**7) is None
    assert methods.call("getVoteAccounts") == {"current": [], "delinquent": []}
    assert methods.call("getBlockCommitment", slot) == {
        **{"commitment": None, "totalStake": 0}
    }
    for method in ("getMaxRetransmitSlot", "getMaxShredInsertSlot"):
        assert methods.call(method) == slot


def test_leader_has_filled_every_slot(methods):
    identity = methods.call("getIdentity")["identity"]
    first, last = FIRST_SLOT, methods.slot

    whole = methods.call("getBlockProduction", CONFIRMED)["value"]
    part = methods.call(
        "getBlockProduction",
        {**CONFIRMED, "range": {"firstSlot": last, "lastSlot": None}},
    )["value"]
    other = methods.call("getBlockProduction", {"identity": str(FRIEND), **CONFIRMED})
    beyond = methods.refusal("getBlockProduction", {"range": {"firstSlot": last + 1}})

    count = last - first + 1
    assert whole == {
        "byIdentity": {identity: [count, count]},
        "range": {"firstSlot": first, "lastSlot": last},
    }
    assert part["byIdentity"] == {identity: [1, 1]}
    assert other["value"]["byIdentity"] == {}
    assert beyond["code"] == -32602


def test_nothing_inflates_and_all_lamports_circulate(methods):
    supply = methods.call("getSupply", CONFIRMED)["value"]
    largest = methods.call("getLargestAccounts", CONFIRMED)["value"]
    locked = methods.call("getLargestAccounts", {"filter": "nonCirculating"})["value"]

    assert methods.call("getInflationRate") == {
        **{"total": 0.0, "validator": 0.0, "foundation": 0.0, "epoch": 0}
    }
    assert set(methods.call("getInflationGovernor").values()) == {0.0}
    assert methods.call("getInflationReward", [str(FRIEND)]) == [None]
    assert supply["circulating"] == supply["total"] > 10**18
    assert (supply["nonCirculating"], supply["nonCirculatingAccounts"]) == (0, [])
    assert largest[0]["address"] == str(FAUCET.pubkey())
    assert [entry["lamports"] for entry in largest] == sorted(
        (entry["lamports"] for entry in largest), reverse=True
    )
    assert (len(largest), locked) == (20, [])


def test_snapshots_do_not_exist(methods):
    assert methods.refusal("getHighestSnapshotSlot") == {
        **{"code": -32008, "message": "No snapshot"}
    }


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


@pytest.mark.parametrize(
    "method",
    ["getStakeMinimumDelegation", "getRecentBlockhash", "validatorExit", "getFees"],
)
def test_what_cannot_be_true_here_is_no_method(method):
    assert method not in METHODS
