"""Parameters that every strategy has, and which come first."""

from quotewright.domain.strategy import Param

ORDER_NOTIONAL_PARAM = Param(
    "order_notional", 1_000.0, 0.01, 1e9, "quote", "Size of one quote, as notional in the quote currency at the mid."
)
MAX_INVENTORY_PARAM = Param(
    "max_inventory",
    10.0,
    1.0,
    1e6,
    "orders",
    "Inventory, in orders, beyond which a side is not quoted.",
)
