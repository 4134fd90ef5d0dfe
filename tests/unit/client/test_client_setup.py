"""How a client is set up, what it shows of itself, and what it loads."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from wardian.client import AsyncClient, Client, Retry, errors
from wardian.client.answers import retry_after
from wardian.client.wire import FAULTS, unreachable

KEY = "wdn_" + "s" * 43


@pytest.fixture(params=[Client, AsyncClient])
def kind(request: pytest.FixtureRequest) -> type[Client] | type[AsyncClient]:
    found: type[Client] | type[AsyncClient] = request.param
    return found


def test_the_environment_says_where_the_host_is(
    kind: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WARDIAN_URL", raising=False)
    assert kind().url == "http://127.0.0.1:8420"
    monkeypatch.setenv("WARDIAN_URL", "https://wardian.example")
    assert kind().url == "https://wardian.example"
    assert kind("http://other.example").url == "http://other.example"


def test_the_key_is_in_nothing_that_a_client_shows(
    kind: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARDIAN_API_KEY", KEY)
    client = kind("http://host.example", headers={"traceparent": "t"})
    shown = [client, client.plugins, client.plugin("p"), client._sender.place, client.call]
    assert KEY not in "".join(map(repr, shown)) + "".join(map(str, shown))
    assert repr(client) == f"{kind.__name__}('http://host.example')"


@pytest.mark.parametrize(
    "url",
    [
        "host.example",
        "ftp://host.example",
        "http://",
        "http://user:pw@host.example",
        "http://host.example/?key=1",
        "http://host.example/#here",
        "http://[::1",
        "http://host.example:99999999",
    ],
)
def test_an_address_that_is_none_is_refused_at_once(kind: type[Client], url: str) -> None:
    with pytest.raises(errors.Misconfigured) as refused:
        kind(url, KEY)
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize("key", ["wdn_ä", "wdn_a\r\nX: b", "wdn_a b", "wdn_\x7f"])
def test_a_key_that_no_header_can_have_is_refused_unshown(kind: type[Client], key: str) -> None:
    with pytest.raises(errors.Misconfigured) as refused:
        kind("http://host.example", key)
    assert key not in str(refused.value)


def test_other_options_go_over_the_same_connections(kind: type[Client]) -> None:
    client = kind("http://host.example", KEY, timeout=5.0)
    other = client.with_options(retry=Retry(times=0))
    assert type(other) is kind
    assert other._sender._http is client._sender._http
    assert (other._sender.options.timeout, other._sender.options.retry.times) == (5.0, 0)
    assert client._sender.options.retry.times == 2
    assert other.plugins._sender is other._sender


def test_methods_show_their_parameters_and_what_they_do() -> None:
    client = Client("http://host.example")
    assert str(inspect.signature(client.plugins.get)).startswith("(name: 'str')")
    assert (client.plugins.get.__doc__ or "").startswith("Show one plugin.")
    assert client.plugins.get.__name__ == "get"


_LOADED = """
import sys
import wardian.client
print(*sorted(sys.modules))
"""

HEAVY = {"fastapi", "starlette", "pydantic", "sqlalchemy", "wasmtime", "cryptography", "typer"}


def test_the_client_loads_nothing_of_the_host() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    own = {name for name in loaded if name.startswith("wardian.")}
    assert {name for name in own if not name.startswith("wardian.client")} == set()
    assert loaded.isdisjoint(HEAVY)


def faults_of_httpx(kind: type[Exception] = httpx.HTTPError) -> Iterator[type[Exception]]:
    yield kind
    for each in kind.__subclasses__():
        yield from faults_of_httpx(each)


NOTHING_WAS_SENT = {
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
}


@pytest.mark.parametrize("kind", sorted(faults_of_httpx(), key=lambda kind: kind.__name__))
def test_every_fault_of_httpx_is_one_of_the_client_s(kind: type[httpx.HTTPError]) -> None:
    fault = kind.__new__(kind)
    fault.args = ("it broke",)
    raised = unreachable("http://host.example", fault)
    assert isinstance(raised, errors.Unreachable)
    assert isinstance(raised, errors.NotConnected) == (kind in NOTHING_WAS_SENT)
    assert "it broke" in str(raised)
    assert raised.__cause__ is fault


def test_the_table_of_faults_has_its_root() -> None:
    assert FAULTS[httpx.HTTPError] is errors.ConnectionLost


@pytest.mark.parametrize(
    ("said", "date", "seconds"),
    [
        ("0", "", 0.0),
        ("120", "", 120.0),
        ("Tue, 01 Jan 2030 10:00:09 GMT", "Tue, 01 Jan 2030 10:00:00 GMT", 9.0),
        ("Tue, 01 Jan 2030 10:00:00 GMT", "Tue, 01 Jan 2030 10:00:09 GMT", 0.0),
        ("Tuesday, 01-Jan-30 10:00:09 GMT", "Tue, 01 Jan 2030 10:00:00 GMT", 9.0),
        ("Tue, 01 Jan 2030 10:00:09 -0000", "Tue, 01 Jan 2030 10:00:00 GMT", 9.0),
        ("", "", None),
        ("soon", "", None),
        ("-5", "", None),
        ("1.5", "", None),
        ("²", "", None),
        ("9" * 400, "", 999_999_999.0),
        ("Tue, 99 Jan 2030 10:00:09 GMT", "", None),
        ("Mon, 01 Jan 0001 00:00:00 +2359", "Tue, 01 Jan 2030 10:00:00 GMT", 0.0),
    ],
)
def test_a_time_to_try_again_is_read_as_seconds_or_a_date(
    said: str, date: str, seconds: float | None
) -> None:
    assert retry_after({"retry-after": said, "date": date}) == seconds


def test_a_date_in_the_past_of_a_host_without_a_clock_asks_for_no_wait() -> None:
    assert retry_after({"retry-after": "Tue, 01 Jan 2002 10:00:00 GMT"}) == 0.0
