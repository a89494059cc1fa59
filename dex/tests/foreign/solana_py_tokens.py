"""A mint and two token accounts, made, moved between and closed by `spl.token`."""

from __future__ import annotations

from typing import Any

from solana.rpc.models import TokenAccountOpts
from solana_py_session import Session
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import (
    CreateAccountParams,
    TransferParams,
    create_account,
    transfer,
)
from spl.token import instructions as token
from spl.token import models
from spl.token.constants import TOKEN_PROGRAM_ID, WRAPPED_SOL_MINT

SOL = 10**9
AMOUNT = 1_500_000


async def move_tokens(session: Session) -> dict[str, Any]:
    mint, owner, by_hand = Keypair(), Keypair(), Keypair()
    associated = token.get_associated_token_address(session.me, mint.pubkey())
    await create_mint(session, mint)
    await fund(session, mint.pubkey(), owner.pubkey(), by_hand)
    report = await look(session, mint.pubkey(), owner.pubkey(), by_hand.pubkey())
    await empty(session, by_hand.pubkey(), associated, owner)
    client = session.client
    return {
        **report,
        "back": (await client.get_token_account_balance(associated)).value.amount,
        "isClosed": (await client.get_account_info(by_hand.pubkey())).value is None,
    }


async def create_mint(session: Session, mint: Keypair) -> None:
    """Create the mint and the wallet's associated account."""
    await session.send(
        await new_account(session, mint, 82),
        token.initialize_mint2(
            models.InitializeMint2Params(
                program_id=TOKEN_PROGRAM_ID,
                mint=mint.pubkey(),
                decimals=6,
                mint_authority=session.me,
            )
        ),
        token.create_associated_token_account(session.me, session.me, mint.pubkey()),
        signers=(mint,),
    )


async def fund(session: Session, mint: Pubkey, owner: Pubkey, by_hand: Keypair) -> None:
    """Create an account without derivation, mint, and move a part into it."""
    associated = token.get_associated_token_address(session.me, mint)
    await session.send(
        await new_account(session, by_hand, 165),
        token.initialize_account3(
            models.InitializeAccount3Params(
                program_id=TOKEN_PROGRAM_ID,
                account=by_hand.pubkey(),
                mint=mint,
                owner=owner,
            )
        ),
        token.mint_to(
            models.MintToParams(
                program_id=TOKEN_PROGRAM_ID,
                mint=mint,
                dest=associated,
                mint_authority=session.me,
                amount=5_000_000,
            )
        ),
        token.transfer_checked(
            models.TransferCheckedParams(
                program_id=TOKEN_PROGRAM_ID,
                source=associated,
                mint=mint,
                dest=by_hand.pubkey(),
                owner=session.me,
                amount=AMOUNT,
                decimals=6,
            )
        ),
        signers=(by_hand,),
    )


async def look(
    session: Session, mint: Pubkey, owner: Pubkey, by_hand: Pubkey
) -> dict[str, Any]:
    client = session.client
    parsed = await client.get_token_accounts_by_owner_json_parsed(
        owner, TokenAccountOpts(mint=mint)
    )
    raw = await client.get_token_accounts_by_owner(
        owner, TokenAccountOpts(program_id=TOKEN_PROGRAM_ID)
    )
    info = parsed.value[0].account.data.parsed["info"]
    return {
        "isByHand": parsed.value[0].pubkey == by_hand,
        "amount": info["tokenAmount"]["uiAmountString"],
        "bytes": len(raw.value[0].account.data),
        "supply": (await client.get_token_supply(mint)).value.amount,
    }


async def empty(
    session: Session, by_hand: Pubkey, associated: Pubkey, owner: Keypair
) -> None:
    """Move everything back and close the account."""
    await session.send(
        token.transfer(
            models.TransferParams(
                program_id=TOKEN_PROGRAM_ID,
                source=by_hand,
                dest=associated,
                owner=owner.pubkey(),
                amount=AMOUNT,
            )
        ),
        token.close_account(
            models.CloseAccountParams(
                program_id=TOKEN_PROGRAM_ID,
                account=by_hand,
                dest=session.me,
                owner=owner.pubkey(),
            )
        ),
        signers=(owner,),
    )


async def wrap(session: Session) -> dict[str, Any]:
    """Put SOL into a wrapped account, tell the program, and take all of it out."""
    account = Keypair()
    address, me = account.pubkey(), session.me
    await session.send(
        await new_account(session, account, 165, extra=SOL),
        token.initialize_account3(
            models.InitializeAccount3Params(
                program_id=TOKEN_PROGRAM_ID,
                account=address,
                mint=WRAPPED_SOL_MINT,
                owner=me,
            )
        ),
        transfer(TransferParams(from_pubkey=me, to_pubkey=address, lamports=SOL // 2)),
        signers=(account,),
    )
    before = (await session.client.get_token_account_balance(address)).value
    sync = models.SyncNativeParams(program_id=TOKEN_PROGRAM_ID, account=address)
    await session.send(token.sync_native(sync))
    after = (await session.client.get_token_account_balance(address)).value
    closing = models.CloseAccountParams(
        program_id=TOKEN_PROGRAM_ID, account=address, dest=me, owner=me
    )
    await session.send(token.close_account(closing))
    return {"before": before.amount, "after": after.amount}


async def new_account(
    session: Session, account: Keypair, size: int, *, extra: int = 0
) -> Instruction:
    rent = await session.client.get_minimum_balance_for_rent_exemption(size)
    return create_account(
        CreateAccountParams(
            from_pubkey=session.me,
            to_pubkey=account.pubkey(),
            lamports=rent.value + extra,
            space=size,
            owner=TOKEN_PROGRAM_ID,
        )
    )
