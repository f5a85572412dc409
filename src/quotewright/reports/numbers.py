"""Numbers as people read them; money and quantities stay decimal strings, never floats."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

NOTHING = "–"  # a figure that does not exist, such as a mean of no values


def places_for(amounts: Iterable[str]) -> int:
    """Decimals, 2 to 8, that show the largest of some decimal strings with five significant digits."""
    largest = max((abs(Decimal(amount)) for amount in amounts), default=Decimal(0))
    return 2 if largest == 0 else min(8, max(2, 4 - largest.adjusted()))


def rounded(amount: str, places: int) -> str:
    """A decimal string rounded half to even to `places` decimals, with thousands separated."""
    with localcontext() as context:
        context.prec = 60
        value = Decimal(amount).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    return f"{abs(value) if value == 0 else value:,f}"


def ratio(value: float | None, digits: int = 3) -> str:
    """A plain number with fixed digits."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    """A share of one as a percentage."""
    return NOTHING if value is None else f"{100 * value:.2f} %"


def whole(value: float | None) -> str:
    """A number shown without decimals."""
    return NOTHING if value is None else f"{value:,.0f}"


def span(nanoseconds: int) -> str:
    """A length of time in the two largest units that matter."""
    seconds = nanoseconds / 1e9
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next(i for i, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


def moment(nanoseconds: int) -> str:
    """A time since the epoch as UTC, to the millisecond."""
    at = datetime.fromtimestamp(nanoseconds // 10**9, tz=UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{nanoseconds // 10**6 % 1000:03d} UTC"
