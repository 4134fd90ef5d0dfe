"""A stand-in for the transit engine of HashiCorp Vault and OpenBao, and the real thing.

The stand-in speaks as much of its HTTP API as a root key needs, on loopback; the tests of root keys
run on it, and on a real server as well where its program (``bao`` or ``vault``) is installed.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import hvac
import requests
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "wardian-test-token"
ENGINES = ("stand-in", *(name for name in ("bao", "vault") if shutil.which(name)))


@dataclass(frozen=True)
class Engine:
    """A running engine, mounted at ``transit``, with one key named ``wardian``."""

    url: str
    stop: Callable[[], None]

    def rotate(self) -> None:
        """Give the key another version."""
        self._client().secrets.transit.rotate_key("wardian")

    def replace(self) -> None:
        """Put another key in its place, under the same name."""
        transit = self._client().secrets.transit
        transit.update_key_configuration("wardian", deletion_allowed=True)
        transit.delete_key("wardian")
        transit.create_key("wardian", key_type="aes256-gcm96")

    def _client(self) -> Any:
        return hvac.Client(url=self.url, token=TOKEN)


@contextmanager
def engine(name: str, folder: Path) -> Iterator[Engine]:
    """Run the stand-in, or a real server by the name of its program."""
    with _stand_in() if name == "stand-in" else _real(name, folder) as running:
        yield running


@contextmanager
def _stand_in() -> Iterator[Engine]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.keys = {"wardian": [os.urandom(32)]}  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def stop() -> None:
        if thread.is_alive():
            server.shutdown()
            thread.join()
            server.server_close()

    try:
        yield Engine(f"http://127.0.0.1:{server.server_address[1]}", stop)
    finally:
        stop()


@contextmanager
def _real(program: str, folder: Path) -> Iterator[Engine]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    options = ["-dev", f"-dev-root-token-id={TOKEN}", "-dev-no-store-token"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "server", *options, f"-dev-listen-address={address}"],
            stdout=log,
            stderr=log,
            env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        )

    def stop() -> None:
        process.kill()
        process.wait()

    try:
        client = hvac.Client(url=f"http://{address}", token=TOKEN)
        while True:
            try:
                client.sys.enable_secrets_engine("transit")
                break
            except requests.ConnectionError:
                assert process.poll() is None
        client.secrets.transit.create_key("wardian", key_type="aes256-gcm96")
        yield Engine(f"http://{address}", stop)
    finally:
        stop()


class _Handler(BaseHTTPRequestHandler):
    """``/v1/transit/…``, as the real engine answers it."""

    def do_GET(self) -> None:
        self._answered()

    def do_POST(self) -> None:
        self._answered()

    def do_DELETE(self) -> None:
        self._answered()

    def log_message(self, *_: Any) -> None:
        """Nothing: what is asked here has keys in it."""

    def _answered(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        status, answer = self._answer(body)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, body: dict[str, Any]) -> tuple[int, Any]:
        if self.headers.get("X-Vault-Token") != TOKEN:
            return 403, {"errors": ["permission denied"]}
        keys: dict[str, list[bytes]] = self.server.keys  # type: ignore[attr-defined]
        verb, name, *rest = self.path.removeprefix("/v1/transit/").split("/")
        if verb == "encrypt":
            return _encrypted(keys.setdefault(name, [os.urandom(32)]), body)
        if verb == "decrypt":
            return _decrypted(keys.get(name), body)
        if verb == "keys" and self.command == "GET":
            return _described(keys.get(name))
        return _managed(keys, name, [self.command, *rest])


def _described(versions: list[bytes] | None) -> tuple[int, Any]:
    if versions is None:
        return 404, {"errors": []}
    return 200, {"data": {"latest_version": len(versions)}}


def _managed(keys: dict[str, list[bytes]], name: str, what: list[str]) -> tuple[int, Any]:
    match what:
        case ["POST"]:
            keys[name] = [os.urandom(32)]
        case ["POST", "rotate"]:
            keys[name].append(os.urandom(32))
        case ["DELETE"]:
            del keys[name]
        case ["POST", "config"]:
            pass
        case _:
            return 404, {"errors": []}
    return 200, {}


def _encrypted(versions: list[bytes], body: dict[str, Any]) -> tuple[int, Any]:
    nonce = os.urandom(12)
    plaintext = base64.b64decode(body["plaintext"])
    bound_to = base64.b64decode(body.get("associated_data", ""))
    sealed = nonce + AESGCM(versions[-1]).encrypt(nonce, plaintext, bound_to)
    text = f"vault:v{len(versions)}:{base64.b64encode(sealed).decode()}"
    return 200, {"data": {"ciphertext": text, "key_version": len(versions)}}


def _decrypted(versions: list[bytes] | None, body: dict[str, Any]) -> tuple[int, Any]:
    if versions is None:
        return 400, {"errors": ["encryption key not found"]}
    prefix, _, encoded = body["ciphertext"].rpartition(":")
    try:
        sealed = base64.b64decode(encoded, validate=True)
        version = int(prefix.removeprefix("vault:v"))
    except ValueError:
        return 400, {"errors": ["invalid ciphertext: no prefix"]}
    if not 1 <= version <= len(versions):
        return 400, {"errors": ["invalid ciphertext: version is too new"]}
    if len(sealed) < 28:
        return 400, {"errors": ["invalid ciphertext length"]}
    bound_to = base64.b64decode(body.get("associated_data", ""))
    try:
        plaintext = AESGCM(versions[version - 1]).decrypt(sealed[:12], sealed[12:], bound_to)
    except InvalidTag:
        return 400, {"errors": ["cipher: message authentication failed"]}
    return 200, {"data": {"plaintext": base64.b64encode(plaintext).decode()}}
