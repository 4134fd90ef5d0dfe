"""Every capability has exactly the functions of its WIT interface."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from vaults import vault_of
from wardian import capabilities
from wardian.capabilities import Services
from wardian.egress import Egress
from wardian.egress.addresses import AddressRules
from wardian.egress.resolver import SystemResolver
from wardian.egress.tls import Authorities
from wardian.events import Events
from wardian.storage import Database
from wardian.storage.kv import Quota
from wardian.vault.watch import Watch
from wardian.worlds import contract

pytestmark = pytest.mark.anyio


async def test_methods_and_positional_arguments_are_those_of_the_wit(
    database: Database, tmp_path: Path
) -> None:
    vault = vault_of(database, tmp_path)
    built = capabilities.build(
        Services(
            database=database,
            events=Events(database),
            kv_quota=Quota(bytes=1, keys=1),
            egress=Egress(SystemResolver(), AddressRules(), Authorities()),
            vault=vault,
            watch=Watch(vault),
        )
    )

    assert set(built) == set(contract().imports)
    for interface, functions in contract().imports.items():
        capability = built[interface]
        public = {name for name in dir(capability) if not name.startswith("_")}
        assert public == {name.replace("-", "_") for name in functions}
        for name, function in functions.items():
            method = getattr(capability, name.replace("-", "_"))
            assert inspect.iscoroutinefunction(method)
            _, *parameters = inspect.signature(method).parameters
            expected = [wit.replace("-", "_") for wit, _ in function.type.parameters]
            assert [parameter.rstrip("_") for parameter in parameters] == expected
