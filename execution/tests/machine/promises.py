"""A broken promise, by name."""

from __future__ import annotations


class Violation(AssertionError):
    """A promise was broken; `promise` is its name."""

    def __init__(self, promise: str, what: object) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


def hold(promise: str, holds: bool, what: object) -> None:
    """Raise Violation unless it holds; `what` says where it did not."""
    if not holds:
        raise Violation(promise, what)
