"""The vault: whether it is sealed, its keys, and new ones."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from wardian.api.answers import answer, answers
from wardian.api.dependencies import Admin, Host, Operator
from wardian.runtime.vault_upkeep import VaultView
from wardian.vault.rekeying import Rekeyed
from wardian.vault.rotation import Rotated

router = APIRouter(prefix="/vault", tags=["credentials"])


@router.get("", responses=answers(VaultView))
async def show_vault(host: Host, caller: Admin) -> Response:
    """Tell whether the vault is sealed, and which keys the tenant has."""
    return answer(await host.vault.show(tenant=caller.tenant))


@router.post("/open", responses=answers(VaultView))
async def open_vault(host: Host, caller: Operator) -> Response:
    """Try to open the vault, once its root key is back; for the operator of the host."""
    return answer(await host.vault.open(tenant=caller.tenant))


@router.post("/rotate", responses=answers(Rotated))
async def rotate(host: Host, caller: Admin) -> Response:
    """Make a new data key for the tenant, and seal all of its credentials with it.

    Answers when it is done; `GET /api/v1/vault` tells meanwhile what is left.
    """
    return answer(await host.vault.rotate(tenant=caller.tenant, actor=caller.key_name))


@router.post("/rekey", responses=answers(Rekeyed))
async def rekey(host: Host, caller: Operator) -> Response:
    """Wrap the data keys of all tenants under a new root key; for the operator of the host."""
    return answer(await host.vault.rekey(actor=caller.key_name))
