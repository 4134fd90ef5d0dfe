"""Installs of several packages in one change."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from wardian.api.answers import answer, answers
from wardian.api.bodies import FORM_TYPE
from wardian.api.dependencies import Admin, Host
from wardian.errors import InvalidArguments
from wardian.runtime.host import BatchView, Delivery
from wardian.runtime.installs import DELIVERIES_MAX

router = APIRouter(prefix="/installs", tags=["plugins"])

PACKAGE = "package"
SIGNATURE = "signature"

_FILES = {"type": "array", "items": {"type": "string", "format": "binary"}}
_FORM = {
    "type": "object",
    "required": [PACKAGE],
    "properties": {
        PACKAGE: {**_FILES, "description": "A `.wardian` file."},
        SIGNATURE: {**_FILES, "description": "The signature of the package right before it."},
    },
}
_PACKAGES = {"requestBody": {"required": True, "content": {FORM_TYPE: {"schema": _FORM}}}}


@router.post(
    "", status_code=201, responses=answers(BatchView, 201, "Installed."), openapi_extra=_PACKAGES
)
async def install_all(  # noqa: PLR0913, PLR0917 -- a request's parameters are its arguments
    request: Request,
    host: Host,
    caller: Admin,
    grant: Annotated[
        list[str] | None, Query(description="A permission that each asks for, or `all`.")
    ] = None,
    enable: bool = True,
    allow_older: bool = False,
    allow_other_publisher: bool = False,
) -> Response:
    """Install the packages of a form: all of them, or none. They may need each other.

    A form has a file `package` for each, and right behind it, for one that is signed, a file
    `signature`.
    """
    deliveries = [
        replace(each, allow_older=allow_older, allow_other_publisher=allow_other_publisher)
        for each in await deliveries_of(request)
    ]
    view = await host.install_all(
        deliveries,
        grants="all" if grant == ["all"] else grant or (),
        enable=enable,
        tenant=caller.tenant,
        actor=caller.key_name,
    )
    return answer(view, 201)


async def deliveries_of(request: Request) -> list[Delivery]:
    """Read the packages of a form, each with the signature that follows it.

    Raises:
        InvalidArguments: a field that is not one of the two, or a signature of nothing.
        HTTPException: 415, another kind of body.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM_TYPE:
        raise HTTPException(415, f"Several packages are sent as {FORM_TYPE}, a file for each.")
    found: list[Delivery] = []
    async with request.form(max_files=2 * DELIVERIES_MAX, max_fields=1) as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile) or name not in (PACKAGE, SIGNATURE):
                raise InvalidArguments(
                    f"The form has files named {PACKAGE!r} and {SIGNATURE!r}; {name[:80]!r} is "
                    "neither.",
                    path=name[:80],
                )
            content = await value.read()
            if name == PACKAGE:
                found.append(Delivery(source=content))
            elif not found or found[-1].signature is not None:
                raise InvalidArguments(
                    "A signature stands right behind the package that it is of.", path=SIGNATURE
                )
            else:
                found[-1] = Delivery(source=found[-1].source, signature=content)
    return found
