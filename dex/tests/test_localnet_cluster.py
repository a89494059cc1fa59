"""The cluster of one leader: nodes, leaders, inflation, supply."""

from __future__ import annotations

import pytest
from solders.pubkey import Pubkey

from dex.localnet.genesis import FAUCET
from dex.localnet.server import METHODS
from dex.localnet.slots import FIRST_SLOT

from .localnet_methods import CONFIRMED, methods

__all__ = ["methods"]


FRIEND = Pubkey(bytes([0x51]) * 32)


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


@pytest.mark.parametrize(
    "method",
    ["getStakeMinimumDelegation", "getRecentBlockhash", "validatorExit", "getFees"],
)
def test_what_cannot_be_true_here_is_no_method(method):
    assert method not in METHODS
