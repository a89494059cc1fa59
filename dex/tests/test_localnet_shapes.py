"""Localnet's answers are read by solders' own types of real nodes' answers."""

from __future__ import annotations

import base64
import json

import pytest
from solders.rpc import responses
from solders.rpc.errors import SendTransactionPreflightFailureMessage

from dex.localnet import genesis
from dex.localnet.methods.bodies import answer_call
from dex.localnet.server import METHODS
from dex.localnet.slots import FIRST_SLOT
from dex.solana.addresses import (
    CLOCK_SYSVAR,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
    associated_token_address,
)

from .localnet_methods import CONFIRMED, OTHER, SOL, WALLET, methods, payment

__all__ = ["methods"]

BASE64 = {"encoding": "base64", "preflightCommitment": "processed"}
TOKEN_ACCOUNT = str(associated_token_address(WALLET.pubkey(), WRAPPED_SOL_MINT))
PARSED = {"encoding": "jsonParsed", **CONFIRMED}
IN_BASE64 = {"encoding": "base64", **CONFIRMED}
ANY_VERSION = {**CONFIRMED, "maxSupportedTransactionVersion": 0}
BY_MINT = {"mint": str(WRAPPED_SOL_MINT)}
POOL = str(genesis.pools()[0].address)
TOKENS, WSOL, CLOCK = str(TOKEN_PROGRAM), str(WRAPPED_SOL_MINT), str(CLOCK_SYSVAR)
MINTS = {"filters": [{"dataSize": 82}], "encoding": "base64"}
# The first slot of a new ledger, in which the tests below land.
SLOT = FIRST_SLOT
SIGNATURE, TRANSACTION, MESSAGE, BLOCKHASH = "@sent", "@signed", "@message", "@hash"
CALLS = [
    ("GetHealthResp", "getHealth", []),
    ("GetVersionResp", "getVersion", []),
    ("GetGenesisHashResp", "getGenesisHash", []),
    ("GetSlotResp", "getSlot", [CONFIRMED]),
    ("GetBlockHeightResp", "getBlockHeight", [CONFIRMED]),
    ("GetEpochInfoResp", "getEpochInfo", [CONFIRMED]),
    ("GetLatestBlockhashResp", "getLatestBlockhash", [CONFIRMED]),
    ("IsBlockhashValidResp", "isBlockhashValid", [BLOCKHASH, CONFIRMED]),
    ("GetBalanceResp", "getBalance", [str(OTHER), CONFIRMED]),
    ("GetAccountInfoResp", "getAccountInfo", [POOL, IN_BASE64]),
    ("GetAccountInfoJsonParsedResp", "getAccountInfo", [TOKEN_ACCOUNT, PARSED]),
    ("GetMultipleAccountsResp", "getMultipleAccounts", [[POOL, str(OTHER)], IN_BASE64]),
    ("GetTokenAccountBalanceResp", "getTokenAccountBalance", [TOKEN_ACCOUNT]),
    (
        "GetTokenAccountsByOwnerResp",
        "getTokenAccountsByOwner",
        [str(WALLET.pubkey()), BY_MINT, IN_BASE64],
    ),
    (
        "GetTokenAccountsByOwnerJsonParsedResp",
        "getTokenAccountsByOwner",
        [str(WALLET.pubkey()), BY_MINT, PARSED],
    ),
    ("GetSignatureStatusesResp", "getSignatureStatuses", [[SIGNATURE]]),
    ("SendTransactionResp", "sendTransaction", [TRANSACTION, BASE64]),
    ("SimulateTransactionResp", "simulateTransaction", [TRANSACTION, IN_BASE64]),
    ("GetTransactionResp", "getTransaction", [SIGNATURE, ANY_VERSION]),
    (
        "GetTransactionResp",
        "getTransaction",
        [SIGNATURE, {**ANY_VERSION, "encoding": "jsonParsed"}],
    ),
    (
        "GetTransactionResp",
        "getTransaction",
        [SIGNATURE, {**ANY_VERSION, "encoding": "base64"}],
    ),
    ("GetTransactionResp", "getTransaction", ["1" * 64, ANY_VERSION]),
    (
        "GetSignaturesForAddressResp",
        "getSignaturesForAddress",
        [str(OTHER), CONFIRMED],
    ),
    ("GetFeeForMessageResp", "getFeeForMessage", [MESSAGE, CONFIRMED]),
    (
        "GetMinimumBalanceForRentExemptionResp",
        "getMinimumBalanceForRentExemption",
        [165],
    ),
    ("GetRecentPrioritizationFeesResp", "getRecentPrioritizationFees", []),
    ("RequestAirdropResp", "requestAirdrop", [str(OTHER), SOL]),
    ("GetProgramAccountsResp", "getProgramAccounts", [TOKENS, MINTS]),
    (
        "GetProgramAccountsWithContextResp",
        "getProgramAccounts",
        [TOKENS, {**MINTS, "withContext": True}],
    ),
    (
        "GetProgramAccountsJsonParsedResp",
        "getProgramAccounts",
        [TOKENS, {**MINTS, "encoding": "jsonParsed"}],
    ),
    ("GetMultipleAccountsJsonParsedResp", "getMultipleAccounts", [[WSOL], PARSED]),
    (
        "GetMultipleAccountsMaybeJsonParsedResp",
        "getMultipleAccounts",
        [[CLOCK, POOL, str(OTHER)], PARSED],
    ),
    ("GetTokenSupplyResp", "getTokenSupply", [WSOL]),
    ("GetTokenLargestAccountsResp", "getTokenLargestAccounts", [WSOL]),
    (
        "GetTokenAccountsByDelegateResp",
        "getTokenAccountsByDelegate",
        [str(OTHER), BY_MINT, IN_BASE64],
    ),
    ("GetTransactionCountResp", "getTransactionCount", []),
    ("GetEpochScheduleResp", "getEpochSchedule", []),
    ("GetBlockResp", "getBlock", [SLOT, ANY_VERSION]),
    ("GetBlockResp", "getBlock", [SLOT, {**ANY_VERSION, "encoding": "jsonParsed"}]),
    ("GetBlockResp", "getBlock", [SLOT, {**ANY_VERSION, "encoding": "base58"}]),
    (
        "GetBlockResp",
        "getBlock",
        [SLOT, {**ANY_VERSION, "transactionDetails": "accounts"}],
    ),
    (
        "GetBlockResp",
        "getBlock",
        [SLOT, {**ANY_VERSION, "transactionDetails": "signatures"}],
    ),
    ("GetBlockResp", "getBlock", [SLOT, {**CONFIRMED, "transactionDetails": "none"}]),
    ("GetBlocksResp", "getBlocks", [SLOT, None]),
    ("GetBlocksWithLimitResp", "getBlocksWithLimit", [SLOT, 5]),
    ("GetBlockTimeResp", "getBlockTime", [SLOT]),
    ("GetBlockCommitmentResp", "getBlockCommitment", [SLOT]),
    ("GetBlockProductionResp", "getBlockProduction", [CONFIRMED]),
    ("GetFirstAvailableBlockResp", "getFirstAvailableBlock", []),
    ("MinimumLedgerSlotResp", "minimumLedgerSlot", []),
    ("GetRecentPerformanceSamplesResp", "getRecentPerformanceSamples", [5]),
    ("GetIdentityResp", "getIdentity", []),
    ("GetClusterNodesResp", "getClusterNodes", []),
    ("GetVoteAccountsResp", "getVoteAccounts", []),
    ("GetSlotLeaderResp", "getSlotLeader", []),
    ("GetSlotLeadersResp", "getSlotLeaders", [SLOT, 2]),
    ("GetLeaderScheduleResp", "getLeaderSchedule", []),
    ("GetInflationGovernorResp", "getInflationGovernor", []),
    ("GetInflationRateResp", "getInflationRate", []),
    ("GetInflationRewardResp", "getInflationReward", [[str(OTHER)]]),
    ("GetSupplyResp", "getSupply", []),
    ("GetLargestAccountsResp", "getLargestAccounts", []),
    ("GetMaxRetransmitSlotResp", "getMaxRetransmitSlot", []),
    ("GetMaxShredInsertSlotResp", "getMaxShredInsertSlot", []),
    (
        "SimulateTransactionResp",
        "simulateTransaction",
        [
            TRANSACTION,
            {
                **IN_BASE64,
                "sigVerify": True,
                "innerInstructions": True,
                "accounts": {"addresses": [TOKEN_ACCOUNT], "encoding": "jsonParsed"},
            },
        ],
    ),
]


@pytest.fixture(scope="module")
def landed(methods):
    """The signature of a payment, which is in every block and list of the tests."""
    return methods.call(
        "sendTransaction", methods.signed(payment(), memo="landed"), BASE64
    )


@pytest.mark.parametrize(("kind", "method", "params"), CALLS)
def test_answer_is_read_by_the_type_of_real_nodes(
    methods, landed, kind, method, params
):
    latest = methods.call("getLatestBlockhash")["value"]
    unsent = methods.signed(payment(), memo=f"{kind} {method}")
    values = {
        SIGNATURE: landed,
        TRANSACTION: unsent,
        MESSAGE: base64.b64encode(base64.b64decode(unsent)[65:]).decode(),
        BLOCKHASH: latest["blockhash"],
    }

    answer = answered(methods, method, filled_in(params, values))

    reader = getattr(responses, kind)
    parsed = reader.from_json(answer)
    assert isinstance(parsed, reader), parsed


def test_preflight_failure_is_read_with_its_error_and_logs(methods):
    encoded = methods.signed(payment(10**9 * SOL))

    answer = answered(methods, "sendTransaction", [encoded, BASE64])

    parsed = responses.SendTransactionResp.from_json(answer)
    assert isinstance(parsed, SendTransactionPreflightFailureMessage)
    assert parsed.data.logs is not None
    assert parsed.data.logs[1].startswith("Transfer: insufficient lamports")


def test_failed_transaction_is_read_with_its_error(methods):
    options = {"encoding": "base64", "skipPreflight": True}
    encoded = methods.signed(payment(10**9 * SOL), memo="it lands")
    signature = methods.call("sendTransaction", encoded, options)

    answer = answered(methods, "getTransaction", [signature, ANY_VERSION])

    parsed = responses.GetTransactionResp.from_json(answer)
    assert isinstance(parsed, responses.GetTransactionResp)
    assert parsed.value is not None
    meta = parsed.value.transaction.meta
    assert meta is not None
    assert str(meta.err) != "None"


def answered(methods, method, params):
    """Return the text of the answer to one call."""
    call = {"jsonrpc": "2.0", "id": 0, "method": method, "params": params}
    return json.dumps(answer_call(METHODS, methods.network.nodes[0], call))


def filled_in(value, values):
    """Replace the place-holders in parameters."""
    if isinstance(value, list):
        return [filled_in(item, values) for item in value]
    return values.get(value, value) if isinstance(value, str) else value
