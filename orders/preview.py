"""What would become of an order that is placed now: tried out, told, and forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from dex import desk
from dex.amounts import to_whole
from dex.costs import SIGNATURE_FEE_LAMPORTS, priority_fee_lamports
from dex.errors import NoRoute
from dex.rehearsal import Rehearsal, Trial
from dex.types import VenueAnswer

from .access.guards import denial_now
from .earlier import find_earlier
from .errors import OrderDenied
from .preview_words import Told, denial_words, summary, warnings
from .quotes import answer_data
from .submissions import OrderRequest, Submission


@dataclass(frozen=True, slots=True)
class Fees:
    """What the network takes, in lamports. `priority` is part of `network`.

    `rent` is locked in the account that receives; None where it is not known.
    """

    network: int
    priority: int
    rent: int | None


def preview(submission: Submission) -> dict[str, Any]:
    """Say what would become of an order, as JSON. Nothing is stored, signed or sent.

    One that was placed before is told as what it is: nobody is asked for quotes. Raises what placing it would raise of its key and its name, and RpcUnavailable,
    WrongChain, database errors.
    """
    request = submission.request
    earlier = find_earlier(submission)
    if earlier is not None:
        return _body(Told(request, earlier), None, ())
    denial = denial_now(request, submission.owner_id)
    try:
        rehearsal = desk.rehearse(
            request.token_in,
            request.token_out,
            request.amount_in,
            request.slippage_bps,
            settings.QUOTE_TIMEOUT_S,
            request.max_price_impact_bps,
        )
    except NoRoute as refusal:
        refused = {"code": refusal.code, "message": str(refusal)}
        told = Told(request, denial=denial, failure=refused)
        return _body(told, None, refusal.answers)
    trial, fees = rehearsal.trial, _fees(rehearsal)
    told = Told(
        request,
        denial=denial,
        failure=_error(trial) if trial.is_known and trial.code else None,
        rehearsal=rehearsal,
        rent_lamports=fees.rent or 0,
        fee_lamports=fees.network,
    )
    return _body(told, fees, rehearsal.route.answers)


def _body(
    told: Told, fees: Fees | None, answers: tuple[VenueAnswer, ...]
) -> dict[str, Any]:
    request, rehearsal = told.request, told.rehearsal
    pair = request.token_in, request.token_out
    quotes = [answer_data(answer, *pair) for answer in answers]
    return {
        "outcome": told.outcome,
        "summary": summary(told),
        "warnings": warnings(told),
        "denial": _denial_data(told.denial) if told.denial else None,
        "failure": told.failure,
        "amountIn": to_whole(request.amount_in, request.token_in.decimals),
        "expectedAmountOut": _whole_out(request, told.expected),
        "minAmountOut": _whole_out(request, rehearsal.floor if rehearsal else None),
        "fees": _fees_data(fees) if fees else None,
        "simulation": _trial_data(request, rehearsal.trial) if rehearsal else None,
        "route": quotes[0] if rehearsal else None,
        "quotes": quotes,
        "placedAs": str(told.earlier.id) if told.earlier else None,
        "placedStatus": told.earlier.status if told.earlier else None,
    }


def _denial_data(denial: OrderDenied) -> dict[str, Any]:
    return {
        "code": denial.code,
        "message": denial_words(denial),
        "rule": denial.rule,
        "limit": denial.limit,
        "value": denial.value,
    }


def _fees(rehearsal: Rehearsal) -> Fees:
    """Take the units that the simulation used, as a worker does; else the estimate."""
    costs, units = rehearsal.route.answers[0].costs, rehearsal.trial.units_consumed
    assert costs is not None, "a route has its costs"
    priority = costs.fee_lamports - SIGNATURE_FEE_LAMPORTS
    if units and not rehearsal.trial.code:
        priority = priority_fee_lamports(units, settings.COMPUTE_UNIT_PRICE)
    return Fees(SIGNATURE_FEE_LAMPORTS + priority, priority, costs.rent_lamports)


def _fees_data(fees: Fees) -> dict[str, str | None]:
    return {
        "networkFeeLamports": str(fees.network),
        "priorityFeeLamports": str(fees.priority),
        "rentLamports": None if fees.rent is None else str(fees.rent),
    }


def _trial_data(request: OrderRequest, trial: Trial) -> dict[str, Any]:
    if not trial.is_known:
        return {
            "status": "unavailable",
            "error": {"code": trial.code, "message": trial.message},
        }
    return {
        "status": "failed" if trial.code else "succeeded",
        "amountOut": _whole_out(request, trial.amount_out),
        "unitsConsumed": trial.units_consumed,
        "slot": trial.slot,
        "error": _error(trial) if trial.code else None,
    }


def _error(trial: Trial) -> dict[str, str]:
    error = {"code": trial.code, "message": trial.message}
    if trial.program:
        error["program"] = trial.program
    if trial.name:
        error["programError"] = trial.name
    return error


def _whole_out(request: OrderRequest, amount: int | None) -> str | None:
    return None if amount is None else to_whole(amount, request.token_out.decimals)
