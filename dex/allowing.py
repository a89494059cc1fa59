"""Put a pool that was read from the chain, and its tokens, on the allow-list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import transaction

from .guard_changes import ALLOWED, NOT_ALLOWED, record_change
from .models import Pool, Rule, Token
from .pool_facts import PoolFacts, PoolRefused, TokenFacts
from .token_names import MAX_SYMBOL, TokenName, short_name

MAX_DECIMALS = 18


@transaction.atomic
def allow_pool(
    facts: PoolFacts,
    *,
    enabled: bool = True,
    note: str = "",
    symbols: Sequence[str | None] = (None, None),
    by: str,
    reason: str,
) -> list[str]:
    """Add a pool and its tokens; return what was done and what to know, in lines.

    `by` and `reason` are recorded with each that is new. What is there already stays as it is. `symbols` name tokens that are new. Raises
    PoolRefused when no swap works now and it should be enabled, or when a token on the
    list differs from the chain's.
    """
    existing = Pool.objects.filter(address=str(facts.address)).first()
    if existing is None and enabled and not facts.can_swap:
        reasons = dict.fromkeys(facts.refusals.values())
        raise PoolRefused(
            f"No swap works in this pool now: {' '.join(reasons)} To add it all the "
            "same, switched off, use --disabled; switch it on in the admin later."
        )
    lines: list[str] = []
    tokens = []
    for found, symbol in zip(facts.tokens, symbols, strict=True):
        token, is_new, said = _allow_token(found, symbol)
        if is_new:
            _record(Rule.ALLOWED_TOKENS, token.mint, True, by, reason)
        tokens.append(token)
        lines += said
    if existing is not None:
        state = "enabled" if existing.enabled else "disabled"
        lines.append(f"{existing}: on the list already ({state}); nothing changed")
        return lines
    pool = Pool.objects.create(
        address=str(facts.address),
        venue=facts.venue,
        token_a=tokens[0],
        token_b=tokens[1],
        enabled=enabled,
        note=note,
    )
    _record(Rule.ALLOWED_POOLS, pool.address, enabled, by, reason)
    state = "" if enabled else ", disabled"
    lines.append(f"{pool}: added for {tokens[0]} and {tokens[1]}{state}")
    for token, reason in zip(tokens, facts.refusals.values(), strict=True):
        if reason:
            lines.append(f"warning: {token} cannot be sold in it now: {reason}")
    return lines


def _record(rule: Rule, subject: str, enabled: bool, by: str, reason: str) -> None:
    new = ALLOWED if enabled else NOT_ALLOWED
    record_change(rule, None, new, by=by, reason=reason, subject=subject)


def _allow_token(
    facts: TokenFacts, symbol: str | None
) -> tuple[Token, bool, list[str]]:
    if facts.decimals > MAX_DECIMALS:
        raise PoolRefused(
            f"The token {facts.mint} has {facts.decimals} decimals; {MAX_DECIMALS} are "
            "the most that orders can have."
        )
    token = Token.objects.filter(mint=str(facts.mint)).first()
    if token is not None:
        return token, False, list(_known(token, facts, symbol))
    named = facts.named or short_name(facts.mint)
    if symbol is not None:
        named = TokenName(checked_symbol(symbol), named.name)
    token = Token.objects.create(
        mint=str(facts.mint),
        symbol=named.symbol,
        name=named.name,
        decimals=facts.decimals,
        token_program=str(facts.token_program),
    )
    lines = [f"token {token}: added, mint {token.mint}, {token.decimals} decimals"]
    others = Token.objects.filter(symbol=token.symbol).exclude(id=token.id)
    if others.exists():
        mints = ", ".join(others.values_list("mint", flat=True))
        lines.append(
            f"warning: the symbol {token} is also that of {mints}; orders must name the "
            "mint, or give another one with --symbol-a or --symbol-b"
        )
    return token, True, lines


def _known(token: Token, facts: TokenFacts, symbol: str | None) -> Iterator[str]:
    """Check a token on the list against the chain."""
    on_list = token.decimals, token.token_program
    on_chain = facts.decimals, str(facts.token_program)
    if on_list != on_chain:
        raise PoolRefused(
            f"The token {token} ({token.mint}) is on the list with {on_list[0]} decimals "
            f"and the token program {on_list[1]}, but the chain has {on_chain[0]} and "
            f"{on_chain[1]}. Delete it in the admin, with its pools, and add them again."
        )
    if symbol not in (None, token.symbol):
        yield f"token {token}: on the list already; its symbol stays"
    if not token.enabled:
        yield f"warning: the token {token} is disabled, so no order uses it"


def checked_symbol(symbol: str) -> str:
    """Return a symbol that can be typed into an order; PoolRefused for another."""
    fits = 0 < len(symbol) <= MAX_SYMBOL and symbol.isprintable()
    if not fits or any(character.isspace() for character in symbol):
        raise PoolRefused(
            f"A symbol has 1 to {MAX_SYMBOL} characters and no spaces: not {symbol!r}."
        )
    return symbol
