"""Pages for people: the API's documentation, and what a problem's type means.

The documentation is Swagger UI from the package ``fastapi-offline``, served by the host itself:
no browser of an operator is sent to a stranger's server, and the policy below forbids it.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from wardian.api.problems import known_problems
from wardian.errors import NotFound

router = APIRouter(include_in_schema=False)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_ASSETS = {
    "start.js": ("wardian.api", "static/start.js", "text/javascript"),
    "page.css": ("wardian.api", "static/page.css", "text/css"),
    "swagger-ui.css": ("fastapi_offline", "static/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": (
        "fastapi_offline",
        "static/swagger-ui-bundle.js",
        "text/javascript",
    ),
}


@router.get("/")
async def root() -> Response:
    """Bring people who open the host's address to its documentation."""
    return RedirectResponse("docs")


@router.get("/docs")
def docs() -> Response:
    """Show the API and the installed functions, and let people try them."""
    page = files("wardian.api").joinpath("static/docs.html").read_text(encoding="utf-8")
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/{asset}")
def docs_asset(asset: str) -> Response:
    """Serve one file of the documentation page."""
    if asset not in _ASSETS:
        raise NotFound(f"The documentation has no file {asset!r}.")
    package, path, media_type = _ASSETS[asset]
    content = files(package).joinpath(path).read_bytes()
    return Response(content, media_type=media_type, headers={"Cache-Control": "max-age=3600"})


@router.get("/problems/{kind}")
def problem(kind: str) -> Response:
    """Explain a problem's type in a sentence."""
    known = known_problems()
    if kind not in known:
        raise NotFound(f"There is no problem type {kind!r}; there are {', '.join(known)}.")
    title, status = known[kind]
    return PlainTextResponse(f"{kind} (status {status})\n\n{title}\n")
