"""The owners of the simulated chain: their wallets, their books, and what each kind does once a block."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from quotewright.chain.addresses import address_of
from quotewright.chain.transactions import SATOSHI
from quotewright.chain.transfers import Transfers, flat

_AROUND: tuple[tuple[bytes, bytes], ...] = ((b"\x76\xa9\x14", b"\x88\xac"), (b"\xa9\x14", b"\x87"), (b"\x00\x14", b""))
_DUST = 1_000  # satoshi
_DENOMINATIONS = (SATOSHI // 100, SATOSHI // 10)

Payment = tuple[int, int, int]  # owner, address, satoshi


class World:
    """Wallets of unspent outputs, the rows of transfers made so far, and every owner's own books."""

    def __init__(self, rng: np.random.Generator, kinds: Sequence[str], days: int) -> None:
        self.rng = rng
        self.kinds = list(kinds)
        self.count = len(kinds)
        self.purses: list[list[tuple[int, int]]] = [[] for _ in kinds]  # (address, satoshi)
        self.pace = rng.lognormal(0.0, 0.6, self.count)
        self.templates: list[int] = rng.choice(3, self.count, p=(0.35, 0.25, 0.4)).tolist()  # alike for all: no clue
        self.names: list[str] = []
        self.owner_of: list[int] = []
        self.deposited, self.withdrawn, self.fees, self.mined = (
            [[0] * self.count for _ in range(days)] for _ in "four"
        )
        self.times: list[int] = []
        self.heights: list[int] = []
        self.sources: list[tuple[int, int, int]] = []
        self.targets: list[tuple[int, int, int]] = []
        self.unpaid = 0  # fees of this block
        self.fixed = [self.address(owner) for owner in range(self.count)]
        self.customers: dict[tuple[int, int], int] = {}  # (exchange, owner): the deposit address given to it
        self.begin(0, 0, 0)

    def members(self, kind: str) -> list[int]:
        """The owners of a kind."""
        return [owner for owner in range(self.count) if self.kinds[owner] == kind]

    def some(self, kind: str, besides: int = -1) -> int:
        """One owner of a kind at random."""
        return int(self.rng.choice([owner for owner in self.members(kind) if owner != besides]))

    def begin(self, time: int, height: int, day: int) -> None:
        """Start a block; its coinbase is recorded last, once its fees are known."""
        self.time, self.height, self.day, self.unpaid = time, height, day, 0

    def acts(self, owner: int, rate: float) -> bool:
        """Whether an owner does something of this rate a block."""
        return bool(self.rng.random() < min(rate * self.pace[owner], 0.95))

    def address(self, owner: int) -> int:
        """A new address of an owner."""
        before, after = _AROUND[self.templates[owner]]
        name = address_of(before + self.rng.bytes(20) + after)
        assert name is not None
        self.names.append(name)
        self.owner_of.append(owner)
        return len(self.names) - 1

    def deposit_address(self, exchange: int, customer: int) -> int:
        """The address that an exchange gave to a customer, the same ever after."""
        if (exchange, customer) not in self.customers:
            self.customers[exchange, customer] = self.address(exchange)
        return self.customers[exchange, customer]

    def balance(self, owner: int) -> int:
        """What an owner could spend."""
        return sum(satoshi for _, satoshi in self.purses[owner])

    def amount(self, owner: int, median: float) -> int:
        """A log-normal amount of bitcoin around a median, no more than half of what the owner has."""
        return min(int(SATOSHI * median * self.rng.lognormal(0.0, 1.0)), self.balance(owner) // 2)

    def pay(self, owner: int, payments: Sequence[Payment], change: int) -> bool:
        """Pay from the purse, oldest coins first, the rest to the address `change`; False if it holds too little."""
        fee = int(self.rng.integers(200, 3_000))
        needed, taken, total = sum(satoshi for _, _, satoshi in payments) + fee, 0, 0
        if any(satoshi < _DUST for _, _, satoshi in payments) or not payments:
            return False
        for _, satoshi in self.purses[owner]:
            taken, total = taken + 1, total + satoshi
            if total >= needed:
                break
        if total < needed:
            return False
        spent, self.purses[owner] = self.purses[owner][:taken], self.purses[owner][taken:]
        rest = total - needed
        outputs = [*payments, (owner, change, rest)] if rest >= _DUST else list(payments)
        self.book(owner, spent, outputs, fee + (0 if rest >= _DUST else rest))
        return True

    def sweep(self, owner: int, place: int) -> None:
        """Gather all coins of an owner, 60 at most, at one address."""
        spent, self.purses[owner] = self.purses[owner][:60], self.purses[owner][60:]
        fee = 200 * len(spent)
        self.book(owner, spent, [(owner, place, sum(satoshi for _, satoshi in spent) - fee)], fee)

    def join(self, owners: Sequence[int], denomination: int) -> None:
        """A CoinJoin: each owner puts in enough and gets the denomination and its change at new addresses."""
        spent: list[tuple[int, int]] = []
        outputs: list[Payment] = []
        rests: list[Payment] = []
        for owner in owners:
            self.purses[owner].sort(key=lambda coin: coin[1])
            coin = next((coin for coin in self.purses[owner] if coin[1] >= denomination + _DUST + 500), None)
            if coin is None:
                continue
            self.purses[owner].remove(coin)
            spent.append(coin)
            outputs.append((owner, self.address(owner), denomination))
            rests.append((owner, self.address(owner), coin[1] - denomination - 500))
            self.fees[self.day][owner] += 500
        if spent:
            self._record(spent, [*outputs, *rests], 500 * len(spent))

    def book(self, owner: int, spent: list[tuple[int, int]], outputs: Sequence[Payment], fee: int) -> None:
        """Record a transaction of one owner, in the chain and in the books."""
        for receiver, _, satoshi in outputs:
            if receiver != owner:
                self.withdrawn[self.day][owner] += satoshi
                self.deposited[self.day][receiver] += satoshi
        self.fees[self.day][owner] += fee
        self._record(spent, outputs, fee)

    def coinbase(self, miner: int, reward: int) -> None:
        """Close the block: its miner makes the reward and the fees."""
        made = reward + self.unpaid
        self.mined[self.day][miner] += made
        self.purses[miner].append((self.fixed[miner], made))
        row = len(self.times)
        self._stamp()
        self.targets.append((row, self.fixed[miner], made))

    def finished(self) -> tuple[Transfers, list[int]]:
        """All transactions, and the owner of each address; addresses that were never used are left out."""
        used = sorted({address for _, address, _ in (*self.sources, *self.targets)})
        place = {address: n for n, address in enumerate(used)}
        sources, targets = ([(tx, place[a], v) for tx, a, v in rows] for rows in (self.sources, self.targets))
        found = flat(self.times, self.heights, sources, targets, [self.names[address] for address in used])
        return found, [self.owner_of[address] for address in used]

    def _record(self, spent: list[tuple[int, int]], outputs: Sequence[Payment], fee: int) -> None:
        row = len(self.times)
        self._stamp()
        self.sources += [(row, address, satoshi) for address, satoshi in spent]
        for receiver, address, satoshi in outputs:
            self.targets.append((row, address, satoshi))
            self.purses[receiver].append((address, satoshi))
        self.unpaid += fee

    def _stamp(self) -> None:
        self.times.append(self.time)
        self.heights.append(self.height)


def exchange(world: World, owner: int) -> None:
    """Sweep deposits into the hot wallet now and then; pay withdrawals in batches, change to the hot wallet."""
    if world.acts(owner, 0.12) and len(world.purses[owner]) > 3:
        world.sweep(owner, world.fixed[owner])
    if world.acts(owner, 0.3):
        receivers = [world.some("user") for _ in range(int(world.rng.integers(1, 12)))]
        if world.rng.random() < 0.15:
            other = world.some("exchange", besides=owner)
            deposit = (other, world.deposit_address(other, owner), world.amount(owner, 1.0))
        else:
            deposit = None
        each = [(user, world.address(user), world.amount(owner, 0.3) // len(receivers)) for user in receivers]
        world.pay(owner, each if deposit is None else [*each, deposit], world.fixed[owner])


def miner(world: World, owner: int) -> None:
    """Sell to an exchange, and pay those who mine with it."""
    if world.acts(owner, 0.1):
        house = world.some("exchange")
        world.pay(owner, [(house, world.deposit_address(house, owner), world.amount(owner, 20.0))], world.fixed[owner])
    if world.acts(owner, 0.08):
        workers = [world.some("user") for _ in range(int(world.rng.integers(3, 15)))]
        share = world.amount(owner, 10.0) // len(workers)
        paid = [
            (user, world.fixed[user] if world.rng.random() < 0.5 else world.address(user), share) for user in workers
        ]
        world.pay(owner, paid, world.fixed[owner])


def mixer(world: World, owner: int) -> None:
    """Take coins at new addresses, pay them out in peeling chains of round amounts to new addresses of users."""
    if world.acts(owner, 0.1):
        denomination = int(world.rng.choice(_DENOMINATIONS))
        for _ in range(min(5, world.balance(owner) // (2 * denomination))):
            user = world.some("user")
            world.pay(owner, [(user, world.address(user), denomination)], world.address(owner))


def gambling(world: World, owner: int) -> None:
    """Pay out small wins at once, from and back to the one address that everybody plays at."""
    if world.acts(owner, 0.4):
        winners = [world.some("user") for _ in range(int(world.rng.integers(1, 4)))]
        wins = [(user, world.fixed[user], world.amount(owner, 0.01)) for user in winners]
        world.pay(owner, wins, world.fixed[owner])


def user(world: World, owner: int) -> None:
    """Pay others, deposit at an exchange, play, mix, and join CoinJoins; change always goes to a new address."""
    if not world.purses[owner] or not world.acts(owner, 0.05):
        return
    what = world.rng.random()
    if what < 0.4:
        other = world.some("user", besides=owner)
        payment = (other, world.address(other), world.amount(owner, 0.1))
    elif what < 0.65:
        house = world.some("exchange")
        payment = (house, world.deposit_address(house, owner), world.amount(owner, 0.5))
    elif what < 0.8:
        house = world.some("gambling")
        payment = (house, world.fixed[house], world.amount(owner, 0.02))
    elif what < 0.93:
        house = world.some("mixer")
        payment = (house, world.address(house), world.amount(owner, 0.3))
    else:
        friends = [owner, *(world.some("user", besides=owner) for _ in range(int(world.rng.integers(3, 6))))]
        world.join(list(dict.fromkeys(friends)), int(world.rng.choice(_DENOMINATIONS)))
        return
    world.pay(owner, [payment], world.address(owner))


BEHAVIOURS: dict[str, Callable[[World, int], None]] = {
    "exchange": exchange,
    "gambling": gambling,
    "miner": miner,
    "mixer": mixer,
    "user": user,
}
