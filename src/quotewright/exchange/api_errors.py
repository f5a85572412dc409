"""Errors as Binance Spot words and numbers them; the HTTP status says who is to blame."""

from __future__ import annotations


class ApiError(Exception):
    """A request that the venue refuses: code and words for the client, and the HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400, retry_after: int = 0) -> None:
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after  # seconds; 0: no such header
        super().__init__(f"{code}: {message}")


def missing(name: str) -> ApiError:
    """A mandatory parameter is not there."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, legal: str) -> ApiError:
    """A parameter with characters it may not have."""
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def not_needed(name: str) -> ApiError:
    """A parameter that this kind of order does not take."""
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def filter_failure(name: str) -> ApiError:
    """An order outside one of the symbol's filters."""
    return ApiError(-1013, f"Filter failure: {name}")


def rejected(message: str) -> ApiError:
    """An order that the matching engine refuses."""
    return ApiError(-2010, message)


def bad_symbol() -> ApiError:
    """No such symbol here."""
    return ApiError(-1121, "Invalid symbol.")


def no_such_order() -> ApiError:
    """An order asked for that is not known (any more, or yet)."""
    return ApiError(-2013, "Order does not exist.")


def nothing_to_cancel() -> ApiError:
    """An order to cancel that is not open."""
    return ApiError(-2011, "Unknown order sent.")


INSUFFICIENT = "Account has insufficient balance for requested action."
WOULD_TAKE = "Order would immediately match and take."
DUPLICATE = "Duplicate order sent."
