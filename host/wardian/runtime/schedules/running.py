"""One run: the plugin's function is called, and what came of it is written down.

What is none of the plugin's doing, such as that every worker is busy, is no run: the tick waits a
moment, and is missed if that takes too long.
"""

from __future__ import annotations

import asyncio
from functools import partial

from wardian.errors import (
    CallError,
    Conflict,
    GuestError,
    InvalidArguments,
    NotFound,
    WardianError,
)
from wardian.plugins import Installed
from wardian.plugins.text import escaped
from wardian.runtime.calls import CallRequest
from wardian.runtime.entrance import Entrance
from wardian.runtime.schedules.claims import Claimed, Claims, RunState
from wardian.storage.rows import RunRow
from wardian.telemetry.tracing import UNTRACED, Tracing

DETAIL_CHARACTERS_MAX = 500


class Runner:
    """Makes runs.

    Attributes:
        leases: of the runs that are under way.
    """

    def __init__(self, claims: Claims, entrance: Entrance, tracing: Tracing) -> None:
        self._claims = claims
        self._entrance = entrance
        self._tracing = tracing
        self.leases: set[str] = set()

    async def perform(self, claimed: Claimed) -> RunRow | None:
        """Make a run, and return its end; None if another host has taken it over meanwhile.

        Raises:
            WardianError: it could not be begun; it is put off, unless an operator asked for it.
        """
        self.leases.add(claimed.owner)
        try:
            state, detail = await self._outcome(claimed)
        except asyncio.CancelledError:
            await self._claims.release(claimed)
            raise
        except WardianError:
            await self._claims.put_off(claimed)
            raise
        finally:
            self.leases.discard(claimed.owner)
        return await self._claims.finish(claimed, state, detail)

    async def _outcome(self, claimed: Claimed) -> tuple[RunState, str]:
        request = CallRequest(
            function=claimed.schedule.function or "",
            arguments=claimed.schedule.arguments,
            subject="schedule",
            correlation_id=claimed.run.id,
            is_kept=True,
        )
        try:
            with self._tracing.afresh("schedule") or UNTRACED:
                await self._entrance.call(partial(self._find, claimed), request)
        except GuestError as error:
            return RunState.FAILED, escaped(str(error.payload), DETAIL_CHARACTERS_MAX)
        except (CallError, InvalidArguments, NotFound) as error:
            return RunState.FAILED, escaped(error.message, DETAIL_CHARACTERS_MAX)
        return RunState.DONE, ""

    async def _find(self, claimed: Claimed) -> Installed:
        """Return the plugin as it is now, if it has this very schedule still.

        Raises:
            NotFound: it is gone.
            Conflict: it takes no calls, or was upgraded since the run was begun.
            SignatureInvalid, Revoked: it was set aside for that.
        """
        plugin = await self._entrance.named(claimed.tenant, claimed.plugin.name)
        is_same = plugin.id == claimed.plugin.id
        if not is_same or claimed.schedule not in plugin.manifest.schedule:
            raise Conflict(f"The schedule {claimed.schedule.name!r} is another one by now.")
        return plugin
