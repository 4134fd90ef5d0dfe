"""What the kernel grants of the confinement: for the broker, the operator and `isolated`."""

from __future__ import annotations

import msgspec

SECCOMP = "seccomp"
LANDLOCK = "Landlock"
NETWORK = "network namespace"
FILES = "mount namespace"
CAPABILITIES = "dropped capabilities"


class Protections(msgspec.Struct, frozen=True, kw_only=True):
    """What holds a worker on this machine, beside what every kernel has.

    Attributes:
        seccomp: system calls are filtered.
        landlock_abi: the version of Landlock in force; 0 is none.
        network_namespace: workers have a network of their own, with nothing in it.
        mount_namespace: workers see no file but compiled code.
        no_capabilities: workers have no privilege of root, also where the host has.
    """

    seccomp: bool = False
    landlock_abi: int = 0
    network_namespace: bool = False
    mount_namespace: bool = False
    no_capabilities: bool = False

    def missing(self) -> list[str]:
        """Name what is not there, by the names above; empty where the confinement is complete."""
        parts = {
            SECCOMP: self.seccomp,
            LANDLOCK: self.landlock_abi > 0,
            NETWORK: self.network_namespace,
            FILES: self.mount_namespace,
            CAPABILITIES: self.no_capabilities,
        }
        return [name for name, there in parts.items() if not there]


NONE = Protections()
