"""The contract with plugins, by major version: which interfaces, which types, who answers."""

from wardian.worlds.contract import HOST_VERSION, PACKAGE, Contract, contract, wit_directory

__all__ = ["HOST_VERSION", "PACKAGE", "Contract", "contract", "wit_directory"]
