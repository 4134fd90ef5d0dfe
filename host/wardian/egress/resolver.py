"""Names become addresses: by the system, off the event loop, in a bounded number of threads.

The system's functions cannot be interrupted. So a look-up has a thread to itself, which lives on
when nobody waits for it any more, and counts as long as it lives. No tenant has more than a share
of them: one whose names are never answered does not keep others from theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Protocol

from wardian.egress.addresses import IPAddress
from wardian.egress.faults import Unavailable
from wardian.egress.turns import Shares, Turns

LOOKUPS = Shares(total=16, per_tenant=6, per_place=1, waiting=1_024, waiting_per_tenant=512)

ADDRESSES_MAX = 16
"""A name has no more; what is not looked at is not connected to either."""

Lookup = Callable[[str, int], list[IPAddress]]


class Resolver(Protocol):
    """Finds the addresses of a host."""

    def __call__(self, tenant: str, host: str, port: int) -> Awaitable[list[IPAddress]]:
        """Return at least one address, best first.

        Raises:
            Unavailable: the name has none.
            Exhausted: too many names are being looked up.
        """
        ...

    async def close(self) -> None:
        """Wait for no answer any more."""
        ...


def ask_system(host: str, port: int) -> list[IPAddress]:
    """Ask the operating system, which may take as long as it likes.

    Raises:
        OSError: there is no answer.
    """
    # As bytes, because Python would make something else of a text first (IDNA).
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    # What has a zone is link-local, and closed with it and without.
    return [ip_address(str(each[4][0]).partition("%")[0]) for each in found[:ADDRESSES_MAX]]


class SystemResolver:
    """The `Resolver` of a host."""

    def __init__(self, lookup: Lookup = ask_system) -> None:
        self._lookup = lookup
        self._turns = Turns(LOOKUPS, "look-ups of names")
        self._running: dict[tuple[str, str, int], asyncio.Task[list[IPAddress]]] = {}

    async def __call__(self, tenant: str, host: str, port: int) -> list[IPAddress]:
        """Look a name up, together with all who ask for it meanwhile; nothing is remembered."""
        with contextlib.suppress(ValueError):
            return [ip_address(host)]
        key = (tenant, host, port)
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._look_up(tenant, host, port))
            task.add_done_callback(lambda done: self._ended(key, done))
        return list(await asyncio.shield(task))

    async def _look_up(self, tenant: str, host: str, port: int) -> list[IPAddress]:
        await self._turns.take(tenant, host)
        answer = _Answer(self._lookup, host, port)
        answer.future.add_done_callback(lambda _: self._turns.give_back(tenant, host))
        answer.start()
        found = await asyncio.shield(answer.future)
        if not found:
            raise Unavailable(f"The name {host} could not be resolved.")
        return found

    def _ended(self, key: tuple[str, str, int], done: asyncio.Task[list[IPAddress]]) -> None:
        del self._running[key]
        if not done.cancelled():
            done.exception()  # whoever still waits has it; nobody may

    async def close(self) -> None:
        """Wait for no answer any more; threads that wait for one end with it, or with the host."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Answer:
    """What a thread found; nothing if it found nothing."""

    def __init__(self, lookup: Lookup, host: str, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked = lookup, host, port
        self.future: asyncio.Future[list[IPAddress]] = self._loop.create_future()

    def start(self) -> None:
        # Not one of a pool: the interpreter would wait for it at its end.
        threading.Thread(target=self._find, name="wardian-lookup", daemon=True).start()

    def _find(self) -> None:
        lookup, host, port = self._asked
        try:
            found = lookup(host, port)
        except (OSError, ValueError):
            found = []
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(self._tell, found)

    def _tell(self, found: list[IPAddress]) -> None:
        if not self.future.done():
            self.future.set_result(found)
