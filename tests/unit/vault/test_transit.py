"""Root keys in a transit engine, through the real client: on a stand-in, and on the real thing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from transit import ENGINES, TOKEN, Engine, engine
from wardian.crypto.aead import NotAuthentic, SymmetricKey
from wardian.errors import Conflict, VaultSealed
from wardian.policy.secret import Secret
from wardian.vault.roots import RootKey
from wardian.vault.transit import TransitServer, TransitSource

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=ENGINES)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    with engine(request.param, tmp_path_factory.mktemp("transit")) as running:
        yield running


def source(
    url: str, key: str = "wardian", token: str = TOKEN, mount: str = "transit"
) -> TransitSource:
    server = TransitServer(url=url, token=lambda: Secret(token), timeout_seconds=0.5)
    return TransitSource(server, mount, key)


async def root(url: str) -> RootKey:
    [key] = await source(url).load(is_empty=True)
    return key


async def test_a_data_key_comes_back_for_its_context_only(shared: Engine) -> None:
    transit, key = await root(shared.url), SymmetricKey.generate()

    wrapped = await transit.wrap(key, b"context")

    assert (await transit.unwrap(wrapped, b"context")).material == key.material
    assert key.material not in wrapped
    for content, bound_to in (
        (wrapped, b"other"),
        (wrapped[:-4] + b"AAA=", b"context"),
        (b"vault:v1:AAAA", b"context"),
        (b"\xff", b"context"),
    ):
        with pytest.raises(NotAuthentic):
            await transit.unwrap(content, bound_to)


async def test_its_id_has_the_newest_version_and_it_opens_earlier_ones(shared: Engine) -> None:
    before, key = await root(shared.url), SymmetricKey.generate()
    wrapped = await before.wrap(key, b"context")
    shared.rotate()
    after = await root(shared.url)

    assert before.id != after.id
    assert after.id.startswith("transit:transit/wardian:v")
    assert after.opens(before.id)
    assert not after.opens("transit:transit/other:v1")
    assert (await after.unwrap(wrapped, b"context")).material == key.material


async def test_a_key_that_is_not_there_is_not_made(shared: Engine) -> None:
    for mount, key in (("transit", "typo"), ("elsewhere", "wardian")):
        for _ in range(2):
            with pytest.raises(VaultSealed, match="There is no transit key"):
                await source(shared.url, key, mount=mount).load(is_empty=True)


async def test_a_wrong_token_is_told_and_not_quoted(shared: Engine) -> None:
    with pytest.raises(VaultSealed, match="permission denied") as caught:
        await source(shared.url, token="s.canary-of-a-token").load(is_empty=True)

    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_a_new_version_is_the_engines_to_make(shared: Engine) -> None:
    with pytest.raises(Conflict, match="Rotate that one in its own place"):
        source(shared.url).renew()


async def test_an_engine_that_is_not_there_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(VaultSealed, match=r"cannot be reached at .*: no connection"):
        await source(address).load(is_empty=True)


async def test_an_engine_that_does_not_answer_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(VaultSealed, match="did not answer in time"):
            await source(address).load(is_empty=True)


async def test_an_answer_that_is_none_of_an_engine_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = threading.Thread(target=_say, args=(other, b'{"data": {}}'))
        thread.start()
        address = f"http://127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(VaultSealed, match="its answer is none of a transit engine"):
            await source(address).load(is_empty=True)
        thread.join()


async def test_proxies_of_the_environment_are_not_used(
    shared: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert (await root(shared.url)).opens("transit:transit/wardian:v1")


@pytest.mark.parametrize("name", ENGINES)
async def test_another_key_of_the_same_name_opens_nothing(name: str, tmp_path: Path) -> None:
    with engine(name, tmp_path) as running:
        wrapped = await (await root(running.url)).wrap(SymmetricKey.generate(), b"context")
        running.replace()

        with pytest.raises(NotAuthentic):
            await (await root(running.url)).unwrap(wrapped, b"context")


def _say(listener: socket.socket, content: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(64 * 1024)
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
        )
        connection.sendall(head.encode() + b"\r\nConnection: close\r\n\r\n" + content)
