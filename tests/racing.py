"""One of several that take deliveries from each other: ``racing.py URL``.

It says that it is ready, waits for a line, and prints each event that it has acknowledged. Its
leases end as soon as they begin, so whatever it has begun others begin, too.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from wardian.events import BusPolicy, DatabaseBus, Outcome, Settlement, Subscriber
from wardian.storage import Database
from wardian.storage.deliveries import DeliveryRepository


async def main(url: str) -> None:
    async with Database.open(url) as database:
        bus = DatabaseBus(database, BusPolicy(lease=timedelta(seconds=-1)))
        tell("ready")
        await asyncio.to_thread(sys.stdin.readline)
        while (waiting := await subscriber(database)) is not None:
            for delivery in await bus.claim(waiting, 5):
                tell("begun")
                settlement = Settlement(delivery=delivery, outcome=Outcome.DONE)
                if await bus.settle([settlement]):
                    tell(delivery.event.data)


async def subscriber(database: Database) -> Subscriber | None:
    """Return the one subscriber, while anything waits for it."""
    async with database.reading() as connection:
        (row,) = await DeliveryRepository(connection, "default").subscribers()
    return Subscriber("default", row.id, "counter") if row.queued else None


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
