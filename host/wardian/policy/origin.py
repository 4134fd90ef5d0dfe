"""Where a request comes from: known where it arrives, and wanted where it is written down.

Between the two are a hundred functions that it is nothing to. It is the request's own, and what
the host does by itself, also because of a request, has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Origin:
    """One request; what is not known yet is empty.

    Attributes:
        address: of whoever sent it, as far as proxies can be believed.
        tenant, key_id, key_name: of the API key that it came with, once that is known.
        layer: what let it in: ``scope:admin``.
    """

    address: str
    request_id: str
    tenant: str = ""
    key_id: str = ""
    key_name: str = ""
    layer: str = ""


_ORIGIN: ContextVar[Origin | None] = ContextVar("wardian_origin", default=None)


def origin() -> Origin | None:
    """Return where what is going on comes from; None if from no request."""
    return _ORIGIN.get()


@contextmanager
def coming_from(found: Origin) -> Iterator[Origin]:
    """Have ``found`` be the origin while this is open."""
    token = _ORIGIN.set(found)
    try:
        yield found
    finally:
        _ORIGIN.reset(token)
