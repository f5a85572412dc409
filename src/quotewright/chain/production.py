"""What a bitcoin costs to mine, and the difficulty, hash rate and earnings that it follows from.

A. S. Hayes (2017), "Cryptocurrency value formation", Telematics and Informatics 34(7): a miner of hash rate ρ makes
BTC* = β·ρ·86,400 / (δ·2³²) a day and pays for its electricity, so the cost of a coin, E*/BTC*, is that of δ·2³²/β
hashes; ρ cancels. Here β is the subsidy and the fees of a block. Electricity alone: machines and staff are extra.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]

HASHES = 2.0**32  # a block at difficulty 1; by the exact target 65,536/65,535 of it
BLOCK_SECONDS = 600.0
TERA = 1e12
JOULES_PER_KWH = 3.6e6
USD_PER_KWH = 0.05  # the default assumption of the Cambridge index; real contracts run from 0.03 to 0.08


def hash_rate(difficulty: Floats, blocks_a_day: Floats | float = 144.0) -> Floats:
    """Terahashes a second that find `blocks_a_day` at a difficulty: D·2³²/600 at the rate meant, 144."""
    return np.asarray(difficulty * HASHES / BLOCK_SECONDS * (np.asarray(blocks_a_day) / 144.0) / TERA)


def blocks_found(rate: Floats, difficulty: Floats) -> Floats:
    """Blocks a day that a hash rate (TH/s) was computed from: `hash_rate` the other way, so whole numbers."""
    return np.asarray(144.0 * rate * TERA * BLOCK_SECONDS / (_positive("difficulty", difficulty) * HASHES))


def production_cost(
    difficulty: Floats, reward: Floats, joules_per_terahash: Floats, *, usd_per_kwh: Floats | float = USD_PER_KWH
) -> Floats:
    """US dollars of electricity a bitcoin: D·2³²/10¹²·(J/TH)/(3.6·10⁶ J/kWh)·(USD/kWh) / reward.

    `reward` is bitcoins a block, subsidy and fees; all arrays of one length. NaN where an input is NaN. Raises
    InputError for values that are not positive.
    """
    hashed = _positive("difficulty", difficulty) * HASHES / TERA
    kwh = hashed * _positive("joules_per_terahash", joules_per_terahash) / JOULES_PER_KWH
    return kwh * _positive("usd_per_kwh", usd_per_kwh) / _positive("reward", reward)


def breakeven_efficiency(
    price: Floats, difficulty: Floats, reward: Floats, *, usd_per_kwh: Floats | float = USD_PER_KWH
) -> Floats:
    """Joules a terahash at which electricity takes all that a block earns: `production_cost` = price, solved for it."""
    earned = _positive("price", price) * _positive("reward", reward)
    hashed = _positive("difficulty", difficulty) * HASHES / TERA
    return earned / (hashed * _positive("usd_per_kwh", usd_per_kwh)) * JOULES_PER_KWH


def _positive(name: str, values: Floats | float) -> Floats:
    found = np.asarray(values, np.float64)
    if (found <= 0).any() or np.isinf(found).any():
        raise InputError(name, float(found[(found <= 0) | np.isinf(found)].flat[0]), "must be positive and finite")
    return found
