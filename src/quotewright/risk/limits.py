"""Hard limits of one leg, in the integers of its instrument."""

import numpy as np

LIMITS = np.dtype(
    [
        ("max_position", "i8"),  # lots either way, counting every open order as filled
        ("max_order_qty", "i8"),  # lots
        ("max_open_notional", "i8"),  # money units, all open orders of the leg
        ("price_band", "i8"),  # 1e-4 of the mid, either side
        ("message_interval", "i8"),  # ns of budget that one place or amend costs
        ("message_burst", "i8"),  # ns of budget that can be saved up
        ("max_loss", "i8"),  # money units below zero equity at which the leg is halted
    ],
    align=True,
)
