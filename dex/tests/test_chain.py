from __future__ import annotations

from typing import Any

import pytest

from dex.chain import check_genesis, known_chain, meet_chain
from dex.errors import WrongChain
from dex.models import Chain

pytestmark = pytest.mark.django_db

FIRST: dict[str, Any] = {
    "genesis_hash": "GenesisA",
    "is_localnet": True,
    "wallet": "WalletA",
    "newest_signature": "sig1",
}


def test_a_database_that_met_no_chain_knows_none():
    assert known_chain() is None


def test_the_first_chain_met_is_stored_with_wallet_and_baseline():
    met = meet_chain(**FIRST)

    assert known_chain() == met
    assert (met.genesis_hash, met.wallet, met.baseline_signature) == (
        "GenesisA",
        "WalletA",
        "sig1",
    )
    assert met.is_localnet
    assert met.halted_at is None


def test_meeting_the_same_chain_again_changes_nothing():
    met = meet_chain(**FIRST)

    again = meet_chain(**FIRST | {"newest_signature": "sig2"})

    assert again.database_id == met.database_id
    assert Chain.objects.get().baseline_signature == "sig1"


def test_another_chain_is_refused_with_both_names_and_the_way_out():
    meet_chain(**FIRST)

    with pytest.raises(WrongChain) as caught:
        meet_chain(**FIRST | {"genesis_hash": "GenesisB"})

    for words in ("GenesisA", "GenesisB", "DATABASE_URL", "var/"):
        assert words in str(caught.value)
    assert caught.value.code == "wrong_chain"


def test_the_genesis_of_the_row_passes():
    check_genesis(meet_chain(**FIRST), "GenesisA")
