"""What one node says that is not so. The other keeps to the truth: that is the premise."""

from __future__ import annotations

from typing import Any

SLIPPAGE = {"InstructionError": [4, {"Custom": 6005}]}
KINDS = ("hides", "shows errors", "shows successes", "is far ahead")
FAR_SLOTS = 1_000


class Lies:
    """How the one node that may lie does so now; "" while it does not."""

    def __init__(self) -> None:
        self.liar = 0
        self.kind = ""

    def asked(self, node: int, body: Any) -> Any:
        """Return the body as this node takes it: who claims to be ahead is late nowhere."""
        if node != self.liar or self.kind != "is far ahead":
            return body
        return body | {"params": [_without_slot(value) for value in body["params"]]}

    def told(self, node: int, body: Any, document: Any) -> Any:
        """Return the document as this node tells it."""
        if node != self.liar or "result" not in document:
            return document
        result = document["result"]
        match self.kind, body["method"]:
            case "hides", "getSignatureStatuses":
                result["value"] = [None for _ in result["value"]]
            case "hides", "getTransaction":
                document["result"] = None
            case "shows errors", "getSignatureStatuses":
                result["value"] = [_status(result, SLIPPAGE) for _ in result["value"]]
            case "shows successes", "getSignatureStatuses":
                result["value"] = [_status(result, None) for _ in result["value"]]
            case "is far ahead", "getEpochInfo":
                result["absoluteSlot"] += FAR_SLOTS
                result["blockHeight"] += FAR_SLOTS
            case "is far ahead", "isBlockhashValid":
                result["context"]["slot"] += FAR_SLOTS
                result["value"] = False
            case "is far ahead", "getSignatureStatuses":
                result["context"]["slot"] += FAR_SLOTS
                result["value"] = [None for _ in result["value"]]
        return document


def _status(result: Any, error: Any) -> dict[str, Any]:
    return {
        "slot": result["context"]["slot"],
        "confirmations": 1,
        "err": error,
        "confirmationStatus": "confirmed",
    }


def _without_slot(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: each for name, each in value.items() if name != "minContextSlot"}
