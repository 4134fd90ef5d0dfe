"""Pages for people on their way to an OAuth provider and back.

Nobody who comes here has a key: a flow is known by its ticket or its state, and its browser by a
cookie. What a page says is the host's own or an operator's words, escaped; nothing that a provider
or an address said is repeated.
"""

from __future__ import annotations

import functools
import html
import logging
import secrets
from collections.abc import Awaitable, Callable
from importlib.resources import files
from string import Template
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from wardian.api.addresses import address_of, whose
from wardian.api.dependencies import Host
from wardian.api.problems import status_of
from wardian.api.rates import Rates
from wardian.crypto.digests import sha256_hex
from wardian.crypto.tokens import same
from wardian.errors import InvalidArguments, PayloadTooLarge, Unavailable, WardianError
from wardian.runtime.host import PluginHost
from wardian.runtime.oauth import Asking, ConnectedView
from wardian.runtime.oauth.addresses import BEGIN_PATH, CALLBACK_PATH

PER_MINUTE = 60
FORM_BYTES_MAX = 4096
COOKIE_SECONDS = 900

# Without `form-action`: browsers hold the provider's redirects after the form to it, too.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}

router = APIRouter(include_in_schema=False)

_log = logging.getLogger("wardian.oauth")
_Handler = Callable[..., Awaitable[Response]]


def _page(handler: _Handler) -> _Handler:
    """Bound how often an address may ask, and make every error a page."""

    @functools.wraps(handler)
    async def answered(request: Request, **named: object) -> Response:
        try:
            _rates_of(request).take(whose(address_of(request.scope)))
            return await handler(request=request, **named)
        except WardianError as error:
            return _refusal(error)

    return answered


@router.get(BEGIN_PATH)
@_page
async def ask(request: Request, host: Host) -> Response:
    """Show what somebody is asked to agree to; nothing happens yet."""
    ticket = _one(request.url.query, "ticket")
    asking = await host.oauth_flows.asking(ticket)
    browser = _browser(request, host) or secrets.token_urlsafe(32)
    response = _shown(
        f"Connect {asking.plugin} to {asking.provider}?",
        _about(asking),
        form=_form(ticket, _confirmation(browser)),
    )
    response.set_cookie(
        _cookie_name(host),
        browser,
        max_age=COOKIE_SECONDS,
        path="/",
        secure=host.oauth_flows.addresses.is_encrypted,
        httponly=True,
        samesite="lax",
    )
    return response


@router.post(BEGIN_PATH)
@_page
async def go_on(request: Request, host: Host) -> Response:
    """Give the flow to the browser whose owner agreed, and send it to the provider."""
    form = await _form_of(request)
    browser = _browser(request, host)
    # The cookie comes with requests of other sites, too; the confirmation only who saw the page can
    # have, or who could set the cookie: another port of this machine can. Browsers say who asks.
    is_ours = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    if not is_ours or not browser or not same(_one(form, "confirmation"), _confirmation(browser)):
        raise InvalidArguments(
            "This was not agreed to on the page that asks for it, or the browser keeps no cookies."
        )
    url = await host.oauth_flows.begin(_one(form, "ticket"), browser)
    return RedirectResponse(url, 303, headers=HEADERS)


@router.get(CALLBACK_PATH + "/{tenant}/{client}")
@_page
async def come_back(request: Request, host: Host, tenant: str, client: str) -> Response:
    """Take what the provider had the browser bring."""
    browser = _browser(request, host)
    connected = await host.oauth_flows.finish(tenant, client, request.url.query, browser)
    return _shown(f"{connected.plugin} is connected to {connected.provider}", _told(connected))


def _refusal(error: WardianError) -> Response:
    status, text = status_of(type(error)), error.message
    if status >= 500 and not isinstance(error, Unavailable):
        # What is wrong within the host is for whoever reads its log.
        _log.error("A page of OAuth: %s", error.message)
        text = "The host met a fault of its own; its log has the details."
    return _shown("This did not work", [text], status=status)


def _about(asking: Asking) -> list[str]:
    return [
        f"{asking.started_by} asks for it, for the plugin {asking.plugin} of the tenant "
        f"{asking.tenant}. You are sent to {asking.host} to agree to it there.",
        f"It asks for: {', '.join(asking.scopes) or 'nothing in particular'}.",
        f"The tokens go to: {', '.join(asking.origins)}.",
        "Whoever uses the plugin then acts in your name there. Go on only if you have just started "
        "this yourself: if somebody sent you this address, close the page.",
    ]


def _told(connected: ConnectedView) -> list[str]:
    lines = [f"Granted: {', '.join(connected.granted) or 'nothing in particular'}."]
    if connected.missing:
        lines.append(f"Missing: {', '.join(connected.missing)}.")
    if connected.extra:
        lines.append(f"Granted without being asked for: {', '.join(connected.extra)}.")
    return [*lines, "You can close this page."]


def _shown(title: str, lines: list[str], *, form: str = "", status: int = 200) -> HTMLResponse:
    page = Template(files("wardian.api").joinpath("static/oauth.html").read_text("utf-8"))
    body = "\n".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return HTMLResponse(
        page.substitute(title=html.escape(title), body=body, form=form),
        status_code=status,
        headers=HEADERS,
    )


def _form(ticket: str, confirmation: str) -> str:
    hidden = {"ticket": ticket, "confirmation": confirmation}
    fields = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in hidden.items()
    )
    return f'<form method="post" action="connect">{fields}<button>Go on</button></form>'


def _confirmation(browser: str) -> str:
    return sha256_hex(f"wardian oauth confirmation {browser}".encode())


def _browser(request: Request, host: PluginHost) -> str:
    return request.cookies.get(_cookie_name(host), "")[:128]


def _cookie_name(host: PluginHost) -> str:
    # The prefix keeps other hosts of the domain from setting it, and takes TLS.
    prefix = "__Host-" if host.oauth_flows.addresses.is_encrypted else ""
    return f"{prefix}wardian-oauth"


async def _form_of(request: Request) -> str:
    body = await request.body()
    if len(body) > FORM_BYTES_MAX:
        raise PayloadTooLarge("The form is longer than its page makes it.")
    return body.decode("latin-1")


def _one(query: str, name: str) -> str:
    try:
        values = parse_qs(query, errors="strict", max_num_fields=8).get(name, [])
    except ValueError:
        values = []
    if len(values) != 1:
        raise InvalidArguments(f"The address or the form has no {name}, or several.")
    return values[0]


def _rates_of(request: Request) -> Rates:
    rates: Rates = request.app.state.oauth_rates
    return rates
