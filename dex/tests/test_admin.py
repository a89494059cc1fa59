from __future__ import annotations

import pytest

from dex.models import Chain, Pool, Token
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM

pytestmark = pytest.mark.django_db

USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
RAY = "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"
POOL = "7JuwJuNU88gurFnyWeiyGKbFmExMWcmRZntn9imEzdny"


def make_token(symbol: str, mint: str) -> Token:
    return Token.objects.create(
        symbol=symbol, mint=mint, decimals=6, token_program=str(TOKEN_PROGRAM)
    )


def token_form(**overrides: object) -> dict[str, object]:
    form = {
        "mint": USDC,
        "symbol": "USDC",
        "name": "USD Coin",
        "decimals": 6,
        "token_program": str(TOKEN_2022_PROGRAM),
        "enabled": "on",
    }
    return form | overrides


def test_an_operator_allows_a_token(admin_client):
    response = admin_client.post("/admin/dex/token/add/", token_form(mint=f" {USDC} "))

    assert response.status_code == 302
    token = Token.objects.get()
    assert (token.mint, token.decimals, token.enabled) == (USDC, 6, True)
    assert token.token_program == str(TOKEN_2022_PROGRAM)


@pytest.mark.parametrize(
    "mint", ["", "USDC", USDC[:-1] + "0", USDC[:-2], "0" * 44, "1" * 45]
)
def test_a_malformed_mint_is_refused(admin_client, mint):
    response = admin_client.post("/admin/dex/token/add/", token_form(mint=mint))

    assert response.status_code == 200
    assert "mint" in response.context["adminform"].errors
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{"decimals": 19}, {"decimals": -1}, {"token_program": USDC}]
)
def test_other_nonsense_about_a_token_is_refused(admin_client, wrong):
    response = admin_client.post("/admin/dex/token/add/", token_form(**wrong))

    assert response.status_code == 200
    assert not Token.objects.exists()


def test_a_token_is_edited_but_keeps_what_stored_amounts_mean(admin_client):
    token = make_token("USDC", USDC)
    form = token_form(mint=RAY, decimals=9, symbol="USDC.e")
    del form["enabled"]

    response = admin_client.post(f"/admin/dex/token/{token.id}/change/", form)

    assert response.status_code == 302
    token.refresh_from_db()
    assert (token.symbol, token.enabled) == ("USDC.e", False)
    assert (token.mint, token.decimals) == (USDC, 6)


def test_an_operator_allows_a_pool_and_switches_it_off(admin_client):
    usdc, ray = make_token("USDC", USDC), make_token("RAY", RAY)
    form = {"address": POOL, "venue": "raydium", "token_a": ray.id, "token_b": usdc.id}

    added = admin_client.post("/admin/dex/pool/add/", form | {"enabled": "on"})
    pool = Pool.objects.get()
    assert (added.status_code, pool.address, pool.enabled) == (302, POOL, True)

    admin_client.post(f"/admin/dex/pool/{pool.id}/change/", {"note": "moved"})
    pool.refresh_from_db()
    assert (pool.address, pool.enabled, pool.note) == (POOL, False, "moved")


def test_a_pool_of_one_token_or_with_a_malformed_address_is_refused(admin_client):
    usdc, ray = make_token("USDC", USDC), make_token("RAY", RAY)
    form = {"address": POOL, "venue": "raydium", "token_a": ray.id, "token_b": usdc.id}

    for wrong, field in (
        ({"token_b": ray.id}, "token_b"),
        ({"address": POOL[:-3]}, "address"),
        ({"venue": "nowhere"}, "venue"),
    ):
        response = admin_client.post("/admin/dex/pool/add/", form | wrong)
        assert response.status_code == 200
        assert field in response.context["adminform"].errors

    assert not Pool.objects.exists()


def test_the_lists_show_and_switch_what_is_enabled(admin_client):
    token = make_token("USDC", USDC)
    listed = admin_client.get("/admin/dex/token/")
    assert USDC in listed.content.decode()

    form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": token.id}
    admin_client.post("/admin/dex/token/", form | {"_save": "Save"})

    token.refresh_from_db()
    assert not token.enabled


def test_the_chain_is_shown_and_never_edited(admin_client):
    Chain.objects.create(id=1, genesis_hash=USDC, is_localnet=True, wallet=RAY)

    assert USDC in admin_client.get("/admin/dex/chain/").content.decode()
    page = admin_client.get("/admin/dex/chain/1/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    for path in ("add/", "1/change/", "1/delete/"):
        assert admin_client.post(f"/admin/dex/chain/{path}", {}).status_code == 403
