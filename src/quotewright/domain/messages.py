"""What passes between the engine and a venue: messages out, responses in. Both are plain records in queues."""

import numpy as np

PLACE = 1
CANCEL = 2
AMEND = 3

MESSAGE = np.dtype(
    [
        ("ts", "i8"),  # when it was sent; for a simulated venue, once queued, when it arrives
        ("seq", "i8"),  # order of sending
        ("order", "i8"),  # order id, unique in a run
        ("price", "i8"),  # ticks
        ("qty", "i8"),  # lots; AMEND: the new total quantity
        ("slot", "i8"),  # the sender's own slot for the order, echoed in responses
        ("leg", "i8"),
        ("flags", "i8"),  # POST_ONLY | IOC | FOK | REDUCE_ONLY of domain.journal
        ("kind", "i8"),
        ("side", "i8"),
    ],
    align=True,
)

RESPONSE = np.dtype(
    [
        ("ts", "i8"),  # when it reaches home
        ("seq", "i8"),  # order of sending by the venue
        ("exch_ts", "i8"),
        ("order", "i8"),
        ("price", "i8"),
        ("qty", "i8"),
        ("leaves", "i8"),
        ("ahead", "i8"),  # queue ahead at entry, lots
        ("slot", "i8"),
        ("leg", "i8"),
        ("kind", "i8"),  # domain.journal.Record: ACCEPTED .. FILL
        ("side", "i8"),
        ("reason", "i8"),  # domain.journal.Reject; Refusal where DENIED
        ("flags", "i8"),  # FILL_TAKER and so on
        ("fee", "i8"),  # where FEE_TOLD: money units, position atoms with FEE_IN_BASE, 1e-8 with FEE_ELSEWHERE
        ("trade", "i8"),  # the venue's number of the fill; 0: none
        ("venue_id", "i8"),  # the venue's number of the order; 0: none
    ],
    align=True,
)
