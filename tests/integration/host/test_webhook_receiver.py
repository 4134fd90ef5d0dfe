"""The receiver that the documents show takes what the host posts, and nothing else."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from receivers import app, idle, posting_host, publish, register

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[3] / "docs/host-apps.md"


def shown() -> str:
    """The program of the page."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (program,) = (block for block in blocks if "standardwebhooks" in block)
    return str(program)


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


async def test_the_receiver_of_the_page_takes_each_event_once_and_nothing_that_is_forged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program: dict[str, Any] = {"__name__": "receiver"}
    with ThreadingHTTPServer(("127.0.0.1", 0), None) as server, serving(server) as url:  # type: ignore[arg-type]
        async with posting_host(tmp_path / "data") as made, httpx.AsyncClient() as forger:
            caller = await app(made)
            endpoint = await register(made, f"{url}/hooks", caller, "orders.*")
            monkeypatch.setenv("WEBHOOK_SECRET", endpoint.secret)
            exec(shown(), program)
            monkeypatch.setattr(program["Receiver"], "log_message", lambda *arguments: None)
            server.RequestHandlerClass = program["Receiver"]

            await publish(made, '{"id": 7}')
            await idle(made, endpoint, caller)
            page = await made.host.webhooks.backlog.attempts(endpoint.id, caller=caller)
            forged = await forger.post(url, content=b'{"id": "x", "type": "orders.new"}')

        assert [each.status for each in page.attempts] == [204]
        assert forged.status_code == 401
        assert capsys.readouterr().out == "orders.new {'id': 7}\n"
        assert len(program["handled"]) == 1
