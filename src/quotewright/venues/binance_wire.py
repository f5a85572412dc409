"""What Binance Spot says, as typed structures: answers, user stream, rules. Names in words; the venue's in `rename`.

A field without a default has to be there: a message that lacks it is not understood, and said to be so.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct, field


class ApiError(Struct, gc=False):
    """Why a request was refused."""

    code: int
    msg: str
    data: ErrorData | None = None


class ErrorData(Struct, rename="camel", gc=False):
    """More on limits: when to come back, ms since the epoch."""

    retry_after: int = 0


class RateLimit(Struct, rename="camel", gc=False):
    """A limit, and what is used of it."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int = -1


class ApiMessage(Struct, rename="camel"):
    """Whatever comes on a connection of the WebSocket API: an answer, or an event."""

    id: int | str | None = None
    status: int = 0
    result: Raw = field(default_factory=Raw)
    error: ApiError | None = None
    rate_limits: list[RateLimit] = []
    event: Raw = field(default_factory=Raw)
    e: str = ""  # of an event that is not wrapped


class EventKind(Struct, gc=False):
    """The kind of an event."""

    e: str


class ExecutionReport(
    Struct,
    gc=False,
    rename={
        "symbol": "s",
        "client_id": "c",
        "original_id": "C",
        "side": "S",
        "kind": "o",
        "in_force": "f",
        "qty": "q",
        "price": "p",
        "change": "x",
        "status": "X",
        "reason": "r",
        "order_id": "i",
        "last_qty": "l",
        "filled": "z",
        "last_price": "L",
        "fee": "n",
        "fee_asset": "N",
        "time": "T",
        "trade_id": "t",
        "maker": "m",
        "execution_id": "I",
    },
):
    """A change of an order of ours."""

    symbol: str
    client_id: str  # of the message that caused the change
    original_id: str  # of the order, where another message caused it
    side: str
    kind: str
    in_force: str
    qty: str
    price: str
    change: str
    status: str
    reason: str
    order_id: int
    last_qty: str
    filled: str
    last_price: str
    fee: str
    fee_asset: str | None
    time: int
    trade_id: int
    maker: bool
    execution_id: int = 0


class StreamBalance(Struct, rename={"asset": "a", "free": "f", "locked": "l"}, gc=False):
    """One asset's balance."""

    asset: str
    free: str
    locked: str


class AccountPosition(Struct, rename={"time": "u", "balances": "B"}):
    """Balances that changed."""

    time: int
    balances: list[StreamBalance]


class Fill(Struct, rename="camel", gc=False):
    """A fill told in the answer to an order."""

    price: str
    qty: str
    commission: str
    commission_asset: str
    trade_id: int


class OrderAnswer(Struct, rename="camel"):
    """An order in an answer: placed, cancelled, asked for, or listed."""

    symbol: str
    order_id: int
    client_order_id: str  # in the answer to a cancel, the cancel's own
    price: str
    orig_qty: str
    executed_qty: str
    status: str
    side: str
    type: str
    time_in_force: str = ""
    orig_client_order_id: str = ""
    transact_time: int = 0
    update_time: int = 0
    fills: list[Fill] = []


class OrderListAnswer(Struct, rename="camel"):
    """A list of orders that was cancelled together."""

    order_reports: list[OrderAnswer]


class MyTrade(Struct, rename="camel", gc=False):
    """A trade of our account."""

    id: int
    order_id: int
    price: str
    qty: str
    commission: str
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool


class Balance(Struct, gc=False):
    """One asset's balance in an account."""

    asset: str
    free: str
    locked: str


class Account(Struct, rename="camel"):
    """The account."""

    balances: list[Balance]
    update_time: int = 0


class ServerTime(Struct, rename="camel", gc=False):
    """The venue's clock, ms."""

    server_time: int


class Filter(Struct, rename="camel", gc=False):
    """A rule of a symbol; which fields count follows from its type."""

    filter_type: str
    tick_size: str = ""
    min_price: str = ""
    max_price: str = ""
    step_size: str = ""
    min_qty: str = ""
    max_qty: str = ""
    min_notional: str = ""


class SymbolInfo(Struct, rename="camel"):
    """A symbol's rules."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    order_types: list[str]
    filters: list[Filter]
    is_spot_trading_allowed: bool = True


class ExchangeInfo(Struct, rename="camel"):
    """The venue's rules."""

    symbols: list[SymbolInfo]
    rate_limits: list[RateLimit] = []


class Rates(Struct, gc=False):
    """Fee rates."""

    maker: str
    taker: str


class Commission(Struct, rename="camel"):
    """An account's fees in a symbol."""

    symbol: str
    standard_commission: Rates
    tax_commission: Rates | None = None
    special_commission: Rates | None = None


class KeyRestrictions(Struct, rename="camel", gc=False):
    """What a key may do, as the venue says; a key that can withdraw is to be refused."""

    enable_withdrawals: bool
    enable_reading: bool = False
    enable_spot_and_margin_trading: bool = False
    ip_restrict: bool = False
    permits_universal_transfer: bool = False
    enable_internal_transfer: bool = False


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what decoding raises
