from __future__ import annotations

import pytest

from dex.models import Chain, Pool, Token
from dex.solana.addresses import TOKEN_PROGRAM

pytestmark = pytest.mark.django_db

USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
RAY = "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"
POOL = "7JuwJuNU88gurFnyWeiyGKbFmExMWcmRZntn9imEzdny"


def make_token(symbol: str, mint: str) -> Token:
    return Token.objects.create(
        symbol=symbol, mint=mint, decimals=6, token_program=str(TOKEN_PROGRAM)
    )


def make_pool(**columns: object) -> Pool:
    return Pool.objects.create(
        address=POOL,
        venue="raydium",
        token_a=make_token("RAY", RAY),
        token_b=make_token("USDC", USDC),
        **columns,
    )


@pytest.mark.parametrize("model", ["token", "pool"])
def test_nothing_is_added_by_hand_and_the_list_says_what_adds_it(admin_client, model):
    make_pool()

    page = admin_client.get(f"/admin/dex/{model}/").content.decode()

    assert "manage.py pools add ADDRESS" in page
    assert f"/admin/dex/{model}/add/" not in page
    assert admin_client.get(f"/admin/dex/{model}/add/").status_code == 403
    assert admin_client.post(f"/admin/dex/{model}/add/", {}).status_code == 403


def test_a_token_is_renamed_but_keeps_what_stored_amounts_mean(admin_client):
    token = make_token("USDC", USDC)
    form = {"symbol": "USDC.e", "name": "Bridged", "mint": RAY, "decimals": 9}

    response = admin_client.post(
        f"/admin/dex/token/{token.id}/change/",
        form | {"token_program": RAY, "reason": "not traded"},
    )

    assert response.status_code == 302
    token.refresh_from_db()
    assert (token.symbol, token.name, token.enabled) == ("USDC.e", "Bridged", False)
    assert (token.mint, token.decimals) == (USDC, 6)
    assert token.token_program == str(TOKEN_PROGRAM)


@pytest.mark.parametrize("symbol", ["", "two words", "a" * 17])
def test_a_symbol_that_the_command_would_refuse_is_refused(admin_client, symbol):
    token = make_token("USDC", USDC)

    response = admin_client.post(
        f"/admin/dex/token/{token.id}/change/", {"symbol": symbol}
    )

    assert "symbol" in response.context["adminform"].errors
    token.refresh_from_db()
    assert token.symbol == "USDC"


def test_a_pool_is_switched_on_and_off_but_stays_what_it_is(admin_client):
    pool = make_pool(enabled=False)
    change = f"/admin/dex/pool/{pool.id}/change/"
    other = {"address": RAY, "venue": "meteora", "token_a": 0, "token_b": 0}
    other |= {"reason": "for a test"}

    def after(form: dict[str, object]) -> tuple[object, ...]:
        assert admin_client.post(change, form | other).status_code == 302
        found = Pool.objects.get()
        pair = (found.token_a.symbol, found.token_b.symbol)
        return (found.address, found.venue, *pair, found.enabled, found.note)

    same = (POOL, "raydium", "RAY", "USDC")
    assert after({"enabled": "on"}) == (*same, True, "")
    assert after({"note": "moved"}) == (*same, False, "moved")


def test_the_lists_are_short_enough_to_read_across(admin_client):
    make_pool()

    pools = admin_client.get("/admin/dex/pool/").content.decode()
    tokens = admin_client.get("/admin/dex/token/").content.decode()

    assert f'<code title="{POOL}">7JuwJu…zdny</code>' in pools
    assert "RAY / USDC" in pools
    assert f'<code title="{USDC}">EPjFWd…Dt1v</code>' in tokens


def test_the_lists_show_what_is_enabled_and_change_nothing(admin_client):
    token = make_token("USDC", USDC)
    listed = admin_client.get("/admin/dex/token/")
    assert USDC in listed.content.decode()

    form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": token.id}
    admin_client.post("/admin/dex/token/", form | {"_save": "Save"})

    token.refresh_from_db()
    assert token.enabled


def test_the_chain_is_shown_and_never_edited(admin_client):
    Chain.objects.create(id=1, genesis_hash=USDC, is_localnet=True, wallet=RAY)

    assert USDC in admin_client.get("/admin/dex/chain/").content.decode()
    page = admin_client.get("/admin/dex/chain/1/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    for path in ("add/", "1/change/", "1/delete/"):
        assert admin_client.post(f"/admin/dex/chain/{path}", {}).status_code == 403
