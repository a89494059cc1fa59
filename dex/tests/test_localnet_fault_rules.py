"""Fault rules: what they may say, whom they strike, and when they end."""

from __future__ import annotations

import pytest
from solders.signature import Signature

from dex.localnet.faults.registry import Faults
from dex.localnet.faults.rules import KINDS, BadRule, Limits, rule_from_text

from .localnet_client import client

__all__ = ["client"]
SUBJECTS = [str(Signature(bytes([number]) * 64)) for number in range(200)]


class Watch:
    """A clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def faults(watch: Watch) -> Faults:
    return Faults(Limits(nodes=2, slots_to_confirm=1), watch.now)


def refusal(faults: Faults, rule) -> str:
    with pytest.raises(BadRule) as raised:
        faults.add(rule)
    return str(raised.value)


def test_every_wrong_member_of_a_rule_is_named_at_once(faults):
    message = refusal(
        faults,
        {
            "kind": "lag",
            "node": 2,
            "probability": 1.5,
            "durationS": 0,
            "seed": "x",
            "delayS": 1,
        },
    )

    assert message == (
        "The fault lag cannot be set: slots is needed; "
        "probability is 1.5; it must be a number from 0 to 1; "
        "durationS is 0; it must be a number of seconds above 0; "
        "seed is 'x'; it must be a whole number; "
        "delayS is not a member of this kind; "
        "node is 2; there are 2 nodes, numbered from 0."
    )
    assert faults.listed() == []


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("drop", "an object"),
        ({}, "one of drop, landLate"),
        ({"kind": "flood"}, "one of drop, landLate"),
        ({"kind": "drop", "probability": True}, "probability is True"),
        ({"kind": "drop", "probability": float("nan")}, "probability is nan"),
        ({"kind": "slow", "delayS": float("inf")}, "delayS is inf"),
        ({"kind": "drop", "count": 1}, "only for a drop with perSend"),
        ({"kind": "hide", "count": 1}, "count is not a member"),
        ({"kind": "landLate"}, "one of delayS and untilLastValid"),
        ({"kind": "landLate", "delayS": 1, "untilLastValid": True}, "one of delayS"),
        ({"kind": "lag", "slots": 151}, "from 1 to 150"),
        ({"kind": "fork", "slots": 1}, "delayS is needed"),
        ({"kind": "fork", "slots": 1, "delayS": 1, "node": 0}, "of all nodes"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_the_reason(faults, rule, reason):
    assert reason in refusal(faults, rule)


def test_a_fork_is_refused_where_everything_is_confirmed_at_once(watch):
    faults = Faults(Limits(nodes=1, slots_to_confirm=0), watch.now)

    message = refusal(faults, {"kind": "fork", "slots": 1, "delayS": 1})

    assert "--slots-to-confirm 1" in message


def test_every_kind_is_accepted_with_what_it_needs(faults):
    values = {"slots": 3, "delayS": 1}
    for kind, (_, needed) in KINDS.items():
        rule = {"kind": kind, "node": None} | {name: values[name] for name in needed}
        if kind == "landLate":
            rule["untilLastValid"] = True
        faults.add(rule)

    assert [rule["kind"] for rule in faults.listed()] == list(KINDS)


def test_a_rule_on_the_command_line_reads_as_its_json():
    assert rule_from_text("landLate,probability=0.5,node=1,untilLastValid=true") == {
        **{"kind": "landLate", "probability": 0.5, "node": 1},
        "untilLastValid": True,
    }
    with pytest.raises(BadRule, match="'node' in the fault"):
        rule_from_text("hide,node")
    with pytest.raises(BadRule, match="'node=2' in the fault"):
        rule_from_text("hide,node=1,node=2")


def test_a_rule_ends_after_its_duration_and_says_how_long_that_is(faults, watch):
    identity = faults.add({"kind": "hide", "durationS": 30})
    watch.seconds = 10

    assert faults.listed() == [
        {"kind": "hide", "durationS": 30, "id": identity, "secondsLeft": 20}
    ]
    watch.seconds = 30
    assert faults.chosen("hide", 0, SUBJECTS[0]) is None
    assert faults.listed() == []


def test_a_rule_with_a_count_strikes_as_often_and_no_more(faults):
    faults.add({"kind": "reset", "count": 2})

    struck = [faults.strike("reset", 0) is not None for _ in range(4)]

    assert struck == [True, True, False, False]


def test_a_rule_strikes_the_node_it_names_alone(faults):
    faults.add({"kind": "reset", "node": 1})

    assert faults.strike("reset", 0) is None
    assert faults.strike("reset", 1) is not None


def test_a_subject_is_chosen_each_time_or_never(faults):
    faults.add({"kind": "hide", "probability": 0.25, "seed": 3})

    first = [faults.chosen("hide", 0, each) is not None for each in SUBJECTS]
    again = [faults.chosen("hide", 0, each) is not None for each in SUBJECTS]

    assert first == again
    assert 30 < sum(first) < 70


def test_a_seed_repeats_what_is_struck_and_kinds_do_not_share_it(watch):
    def struck(kind: str, seed: int) -> list[bool]:
        faults = Faults(Limits(nodes=1, slots_to_confirm=1), watch.now)
        faults.add({"kind": kind, "probability": 0.5, "seed": seed})
        return [faults.strike(kind, 0) is not None for _ in range(50)]

    assert struck("reset", 1) == struck("reset", 1)
    assert struck("reset", 1) != struck("reset", 2)
    assert struck("reset", 1) != struck("garbage", 1)


def test_rules_are_lifted_by_their_ids_or_all_at_once(faults):
    first, second, _ = (
        faults.add({"kind": kind}) for kind in ("hide", "drop", "reset")
    )

    assert faults.clear([first, 99]) == 1
    assert next(rule["id"] for rule in faults.listed()) == second
    assert faults.clear() == 2
    assert faults.listed() == []


async def test_control_methods_set_list_and_lift_faults(client):
    added = await client.call(
        "localnet_fault", {"kind": "hide", "node": 1, "probability": 0.5, "seed": 7}
    )
    wrong = await client.call("localnet_fault", {"kind": "hide", "node": 9})

    assert await client.call("localnet_faults") == [
        {
            **{"kind": "hide", "node": 1, "probability": 0.5, "seed": 7},
            **{"id": added["id"], "secondsLeft": None},
        }
    ]
    assert wrong["code"] == -32602
    assert "there are 2 nodes" in wrong["message"]
    unknown = await client.call("localnet_clearFaults", [[added["id"], 999]])
    assert "No fault in force has the id" in unknown["message"]
    unknown = await client.call("localnet_advance", {"slot": 1})
    assert unknown["message"] == "Unknown settings: slot"
    assert await client.call("localnet_clearFaults", [added["id"]]) == 1
    assert await client.call("localnet_clearFaults") == 0


async def test_faults_need_the_control_option(client):
    client.localnet.network.control = False

    refusal = await client.call("localnet_fault", {"kind": "drop"})

    assert refusal["code"] == -32601
