"""What services of the host say, as answers to a guest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wardian.capabilities.base import Refused
from wardian.errors import InvalidArguments, NotFound, PermissionDenied, WardianError


@contextmanager
def as_refusals() -> Iterator[None]:
    """Turn every error of the host into a `Refused`: a sealed vault, say, is `unavailable`."""
    try:
        yield
    except NotFound as exc:
        raise Refused("not-found", exc.message) from exc
    except PermissionDenied as exc:
        raise Refused("denied", exc.message) from exc
    except InvalidArguments as exc:
        raise Refused("invalid", exc.message) from exc
    except WardianError as exc:
        raise Refused("unavailable", exc.message) from exc
