"""What a host tells those without a key: a lot to its own machine, little to the world."""

from __future__ import annotations

from wardian.settings import Settings


def describes_publicly(settings: Settings) -> bool:
    """Tell whether functions and metrics are shown without a key.

    The operator's word counts; without it they are shown exactly when the host listens on a
    loopback address.
    """
    if settings.describe_functions_publicly is not None:
        return settings.describe_functions_publicly
    return settings.is_local
