"""Parameters and options are checked as real nodes check them; nulls are absent."""

from __future__ import annotations

import pytest

from dex.solana.addresses import TOKEN_PROGRAM

from .localnet_methods import CONFIRMED, OTHER, WALLET, methods

__all__ = ["methods"]

HERE = str(WALLET.pubkey())
INVALID = -32602
TOKENS = {"programId": str(TOKEN_PROGRAM)}


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("getBalance", [], "`params` should have at least 1 argument(s)"),
        ("getBalance", [None], "`params` should have at least 1 argument(s)"),
        (
            *("getBalance", [5]),
            "Invalid params: params[0]: invalid type: integer `5`, expected a string.",
        ),
        ("getBalance", ["1"], "Invalid param: WrongSize"),
        ("getBalance", ["0" * 32], "Invalid param: Invalid"),
        (
            *("getBalance", [HERE, "confirmed"]),
            'Invalid params: params[1]: invalid type: string `"confirmed"`, '
            "expected a map.",
        ),
        (
            *("getBalance", [HERE, {"commitment": 5}]),
            "Invalid params: commitment: invalid type: integer `5`, expected a string.",
        ),
        (
            *("getSlot", [{"commitment": "sure"}]),
            "Invalid params: commitment: unknown variant `sure`, expected one of "
            "`processed`, `confirmed`, `finalized`, `recent`, `single`, "
            "`singleGossip`, `root`, `max`.",
        ),
        (
            *("getSlot", [{"minContextSlot": "7"}]),
            'Invalid params: minContextSlot: invalid type: string `"7"`, expected u64.',
        ),
        (
            *("getSlot", [{"minContextSlot": -1}]),
            "Invalid params: minContextSlot: invalid type: integer `-1`, expected u64.",
        ),
        (
            *("getSlot", [{"minContextSlot": True}]),
            "Invalid params: minContextSlot: invalid type: boolean `true`, "
            "expected u64.",
        ),
        (
            *("getAccountInfo", [HERE, {"encoding": "hex"}]),
            "Invalid params: encoding: unknown variant `hex`, expected one of "
            "`binary`, `base58`, `base64`, `jsonParsed`.",
        ),
        (
            *("getAccountInfo", [HERE, {"dataSlice": [1, 2]}]),
            "Invalid params: dataSlice: invalid type: sequence `…`, expected a map.",
        ),
        (
            *("getAccountInfo", [HERE, {"dataSlice": {"offset": 1}}]),
            "Invalid params: dataSlice: needs an offset and a length.",
        ),
        (
            *("getMultipleAccounts", [HERE]),
            f'Invalid params: params[0]: invalid type: string `"{HERE}"`, '
            "expected a sequence.",
        ),
        (
            *("getMultipleAccounts", [[HERE, 1.5]]),
            "Invalid params: params[0]: invalid type: floating point `1.5`, "
            "expected a string.",
        ),
        ("getMultipleAccounts", [[HERE] * 101], "Too many inputs provided; max 100"),
        (
            *("getSignatureStatuses", [["1" * 64] * 257]),
            "Too many inputs provided; max 256",
        ),
        ("getSignatureStatuses", [["1"]], "Invalid param: WrongSize"),
        (
            *("getRecentPrioritizationFees", [[HERE] * 129]),
            "Too many inputs provided; max 128",
        ),
        (
            *("getMinimumBalanceForRentExemption", [-5]),
            "Invalid params: params[0]: invalid type: integer `-5`, expected u64.",
        ),
        (
            *("getMinimumBalanceForRentExemption", [2**64]),
            f"Invalid params: params[0]: invalid type: integer `{2**64}`, "
            "expected u64.",
        ),
        ("getSignaturesForAddress", [HERE, {"limit": 0}], "Invalid limit; max 1000"),
        (
            "getSignaturesForAddress",
            [HERE, {"limit": 1_001}],
            "Invalid limit; max 1000",
        ),
        (
            *("getSignaturesForAddress", [HERE, {"commitment": "processed"}]),
            "Method does not support commitment below `confirmed`",
        ),
        (
            "getSignaturesForAddress",
            [HERE, {"before": "1"}],
            "Invalid param: WrongSize",
        ),
        (
            *("getTransaction", ["1" * 64, {"commitment": "recent"}]),
            "Method does not support commitment below `confirmed`",
        ),
        (
            *("getTransaction", ["1" * 64, "xml"]),
            "Invalid params: encoding: unknown variant `xml`, expected one of "
            "`binary`, `base64`, `base58`, `json`, `jsonParsed`.",
        ),
        (
            *("requestAirdrop", [HERE]),
            "`params` should have at least 2 argument(s)",
        ),
        ("isBlockhashValid", ["x"], "Invalid param: WrongSize"),
        (
            *("getProgramAccounts", [HERE, {"filters": [{"dataSize": 1}] * 5}]),
            "Too many filters provided; max 4",
        ),
    ],
)
def test_wrong_parameter_is_named(methods, method, params, message):
    assert methods.refusal(method, *params) == {"code": INVALID, "message": message}


@pytest.mark.parametrize(
    ("alias", "commitment"),
    [
        ("recent", "processed"),
        ("single", "confirmed"),
        ("singleGossip", "confirmed"),
        ("root", "finalized"),
        ("max", "finalized"),
        (None, "finalized"),
    ],
)
def test_old_names_of_commitments_are_understood(methods, alias, commitment):
    expected = methods.call("getSlot", {"commitment": commitment})

    assert methods.call("getSlot", {"commitment": alias}) == expected


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getBalance", [HERE]),
        ("getAccountInfo", [HERE]),
        ("getMultipleAccounts", [[HERE]]),
        ("getProgramAccounts", [HERE]),
        ("getTokenAccountsByOwner", [HERE, TOKENS]),
        ("getTokenAccountsByDelegate", [HERE, TOKENS]),
        ("getSlot", []),
        ("getBlockHeight", []),
        ("getEpochInfo", []),
        ("getTransactionCount", []),
        ("getLatestBlockhash", []),
        ("isBlockhashValid", ["1" * 32]),
        ("getSlotLeader", []),
        ("getSignaturesForAddress", [HERE]),
        ("getBlocks", [10_000, None]),
        ("getBlocksWithLimit", [10_000, 5]),
        ("getInflationReward", [[HERE]]),
    ],
)
def test_every_method_with_min_context_slot_waits_for_it(methods, method, params):
    options = {"encoding": "base64", **CONFIRMED}
    slot = methods.call("getSlot", CONFIRMED)

    methods.call(method, *params, {**options, "minContextSlot": slot})
    refusal = methods.refusal(method, *params, {**options, "minContextSlot": slot + 1})

    assert refusal == {
        "code": -32016,
        "message": "Minimum context slot has not been reached",
        "data": {"contextSlot": slot},
    }


def test_unknown_options_are_ignored_as_real_nodes_ignore_them(methods):
    answer = methods.call("getBalance", str(OTHER), {**CONFIRMED, "colour": "red"})

    assert answer["value"] == 0


def test_bare_encoding_is_taken_where_old_clients_send_it(methods):
    assert methods.call("getTransaction", "1" * 64, "base64") is None
