"""What a host tells those without a key: a lot to its own machine, little to the world."""

from __future__ import annotations

import ipaddress

from wardian.settings import Settings


def describes_publicly(settings: Settings) -> bool:
    """Tell whether functions and metrics are shown without a key.

    The operator's word counts; without it they are shown exactly when the host listens on a
    loopback address.
    """
    if settings.describe_functions_publicly is not None:
        return settings.describe_functions_publicly
    return is_loopback(settings.host)


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach ``address``."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
