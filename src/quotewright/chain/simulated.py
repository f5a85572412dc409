"""A small chain with known owners: exchanges, miners, mixers, gambling houses and users, each spending in its own way.

It exists to hold clustering, features, classification and flows to a truth that no real chain tells. Amounts are
conserved to the satoshi: every input spends an output made before, and fees go to the miner of the block. What each
kind of owner does is ours, after the descriptions of S. Meiklejohn et al. (2013), IMC, sections 3 and 4 (sweeps of
deposits, batches, peeling chains), and M. Möser & R. Böhme (2017) (CoinJoins). Real owners are more alike than these.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.chain.behaviour import BEHAVIOURS, World
from quotewright.chain.issuance import subsidy
from quotewright.chain.transfers import Transfers
from quotewright.domain.errors import InputError

Integers = npt.NDArray[np.int64]

DAY = 86_400_000_000_000  # ns
CATEGORIES = ("exchange", "gambling", "miner", "mixer", "user")
_COUNTS = {"exchange": 8, "gambling": 10, "miner": 10, "mixer": 10, "user": 120}


class SimulatedChain(NamedTuple):
    """Transfers, and who is behind them.

    `owner` is the owner's number by address, `category` an index into `CATEGORIES` by owner. `deposited`, `withdrawn`
    and `fees` are each owner's own books by day (days × owners, satoshi): what others paid to it, what it paid to
    others, and what its transactions left to miners; what it makes as a miner is in `mined`.
    """

    transfers: Transfers
    owner: Integers
    category: Integers
    start: int
    deposited: Integers
    withdrawn: Integers
    fees: Integers
    mined: Integers


def simulate_chain(
    seed: int, *, days: int = 30, blocks_a_day: int = 12, counts: dict[str, int] | None = None
) -> SimulatedChain:
    """A chain of `days` with about `blocks_a_day` blocks; `counts` of owners by category (all of `CATEGORIES`).

    Same seed, same chain. Raises InputError for fewer than two of any category, or no days or blocks.
    """
    numbers = _COUNTS | (counts or {})
    if set(numbers) != set(CATEGORIES) or min(numbers.values()) < 2:
        raise InputError("counts", counts, f"give two or more of {', '.join(CATEGORIES)}")
    if days < 1 or blocks_a_day < 1:
        raise InputError("days, blocks_a_day", (days, blocks_a_day), "give at least one")
    category: Integers = np.repeat(np.arange(len(CATEGORIES), dtype=np.int64), [numbers[name] for name in CATEGORIES])
    kinds = [name for name in CATEGORIES for _ in range(numbers[name])]
    world = World(np.random.default_rng(seed), kinds, days)
    start = 18_262 * DAY  # 2020-01-01
    _run(world, start, days, blocks_a_day)
    books = (np.array(book, np.int64) for book in (world.deposited, world.withdrawn, world.fees, world.mined))
    transfers, owner = world.finished()
    return SimulatedChain(transfers, np.array(owner, np.int64), category, start, *books)


def _run(world: World, start: int, days: int, blocks_a_day: int) -> None:
    rng = world.rng
    gaps = rng.exponential(DAY / blocks_a_day, 2 * days * blocks_a_day + 50)
    times = np.cumsum(gaps.astype(np.int64))
    miners = world.members("miner")
    power = rng.dirichlet(np.full(len(miners), 3.0))
    for height, since in enumerate(times[times < days * DAY].tolist()):
        world.begin(start + since, height, since // DAY)
        for owner in rng.permutation(world.count).tolist():
            BEHAVIOURS[world.kinds[owner]](world, owner)
        world.coinbase(int(rng.choice(miners, p=power)), subsidy(height))
