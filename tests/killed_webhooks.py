"""A host that delivers webhooks until nothing waits: ``killed_webhooks.py FOLDER``.

Whoever receives them may kill it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from receivers import posting_host
from wardian.storage.deliveries import DeliveryRepository
from wardian.storage.queues import OF_ENDPOINTS


async def main(folder: Path) -> None:
    async with posting_host(folder, event_lease_seconds=1.0) as made:
        while True:
            async with made.parts.database.reading() as connection:
                repository = DeliveryRepository(connection, "default", OF_ENDPOINTS)
                found = await repository.subscribers()
            if not any(each.queued for each in found):
                return
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
