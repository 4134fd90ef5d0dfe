"""The clients: every noun of the API, for code that blocks and for code that awaits."""

from __future__ import annotations

import copy
import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, ParamSpec, Self, TypedDict, TypeVar, Unpack

from wardian.client.answers import TEXT, json_of
from wardian.client.awaiting import Awaiting
from wardian.client.binding import Noun, S, operation
from wardian.client.blocking import Blocking
from wardian.client.models import (
    Alive,
    Batch,
    BatchCall,
    CallResult,
    Function,
    Page,
    Plugin,
    Readiness,
    Versions,
)
from wardian.client.nouns.accounting import Analytics, Quotas
from wardian.client.nouns.agents import Agents, Asks, Budgets
from wardian.client.nouns.audit import Audit
from wardian.client.nouns.config import Config
from wardian.client.nouns.credentials import Credentials, OAuth, Vault
from wardian.client.nouns.enhancements import Enhancements
from wardian.client.nouns.events import Events
from wardian.client.nouns.functions import Functions, calling
from wardian.client.nouns.jobs import Jobs, batching
from wardian.client.nouns.keys import Keys, Tenants
from wardian.client.nouns.kv import KV
from wardian.client.nouns.logs import Logs
from wardian.client.nouns.permissions import Grants, Permissions
from wardian.client.nouns.plugins import Installs, Plugins
from wardian.client.nouns.recordings import Recordings
from wardian.client.nouns.rows import Rows
from wardian.client.nouns.schedules import Schedules
from wardian.client.nouns.trust import Publishers, Trust
from wardian.client.nouns.webhooks import Hooks, Webhooks
from wardian.client.operations import Operation, asking, at, get
from wardian.client.options import Clock, OnRetry, Options, Place, Retry

PAGE = 100
"""How long the pages are that `each` asks for."""

P = ParamSpec("P")
T = TypeVar("T")


class ClientOptions(TypedDict, total=False):
    """How requests are made; what is left out stays as it is.

    Attributes:
        timeout: seconds without an answer, or between two pieces of one, until it is given up.
        retry: which requests are sent again, and when.
        on_retry: told before a request is sent again.
        headers: sent with every request, such as `traceparent` or `X-Request-ID`.
        idempotency_key: sent with every change that does not name one itself: the host carries out
            one request under it, once, and refuses another.
        answer_max_bytes: what is larger is not read; files are as large as they are.
        clock: what to measure and wait by.
    """

    timeout: float
    retry: Retry
    on_retry: OnRetry | None
    headers: Mapping[str, str]
    idempotency_key: str | None
    answer_max_bytes: int
    clock: Clock


class Api(Noun[S], Generic[S]):
    """Every noun of the API."""

    def __init__(self, sender: S) -> None:
        super().__init__(sender)
        self.plugins = Plugins(sender)
        self.installs = Installs(sender)
        self.functions = Functions(sender)
        self.grants = Grants(sender)
        self.permissions = Permissions(sender)
        self.enhancements = Enhancements(sender)
        self.config = Config(sender)
        self.credentials = Credentials(sender)
        self.vault = Vault(sender)
        self.oauth = OAuth(sender)
        self.events = Events(sender)
        self.webhooks = Webhooks(sender)
        self.hooks = Hooks(sender)
        self.schedules = Schedules(sender)
        self.kv = KV(sender)
        self.recordings = Recordings(sender)
        self.rows = Rows(sender)
        self.jobs = Jobs(sender)
        self.agents = Agents(sender)
        self.asks = Asks(sender)
        self.agent_budgets = Budgets(sender)
        self.logs = Logs(sender)
        self.audit = Audit(sender)
        self.analytics = Analytics(sender)
        self.quotas = Quotas(sender)
        self.publishers = Publishers(sender)
        self.trust = Trust(sender)
        self.keys = Keys(sender)
        self.tenants = Tenants(sender)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def url(self) -> str:
        """The host's address."""
        return self._sender.place.url

    @operation
    def call(
        self,
        plugin: str,
        function: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        limits: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[CallResult]:
        """Call a plugin's function with arguments by name.

        Bytes are base64 text; `docs/host-apps.md` says how other values look. ``limits`` lowers
        limits of this call, such as ``{"wall_seconds": 0.2}``, and ``timeout`` is for this request
        only. With an ``idempotency_key``, a call whose answer was lost is sent again, and a host
        that knows such keys does it once.

        Raises:
            GuestError: the function answered an error of its own: ``payload``.
            CallError: the call was stopped, or broke; ``usage`` has what it spent.
            ClientError: anything else that went wrong.
        """
        return calling(plugin, function, arguments, limits, timeout, idempotency_key)

    @operation
    def batch(
        self,
        calls: Sequence[BatchCall],
        *,
        deadline_seconds: float | None = None,
        stop_at_first_failure: bool = False,
    ) -> Operation[Batch]:
        """Make many calls side by side; each has an outcome of its own, in order.

        After ``deadline_seconds`` what runs is stopped, and nothing more begun; the same as soon as
        one has failed with ``stop_at_first_failure``. `value_of` takes an outcome apart.
        """
        return batching(calls, deadline_seconds, stop_at_first_failure)

    def plugin(self, name: str) -> NamedPlugin[S]:
        """A plugin by its name, to call its functions; nothing is asked of the host yet."""
        return NamedPlugin(self._sender, name)

    @operation
    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Operation[Any]:
        """Ask for what this version of the client has no method for; the answer as JSON values.

        ``path`` is from the host's address on, such as `/api/v1/plugins`, and percent-encoded.
        """
        return asking(method, path, body, query or {}, headers or {})

    @operation
    def health(self) -> Operation[Alive]:
        """Tell that the host's process answers."""
        return Operation("GET", "/healthz", json_of(Alive))

    @operation
    def ready(self) -> Operation[Readiness]:
        """Tell whether the host can take calls; one that cannot is no error here."""
        return Operation("GET", "/readyz", json_of(Readiness), accepted=(503,))

    @operation
    def versions(self) -> Operation[Versions]:
        """Tell which versions the host speaks, of its API and of the contract with plugins."""
        return Operation("GET", "/api/versions", json_of(Versions))

    @operation
    def metrics(self) -> Operation[str]:
        """The host's numbers, in Prometheus's text format."""
        return Operation("GET", "/metrics", TEXT)

    @operation
    def openapi(self) -> Operation[dict[str, Any]]:
        """The API's description, with every function that the key may know of."""
        return Operation("GET", "/openapi.json", json_of(dict[str, Any]))


class NamedPlugin(Noun[S], Generic[S]):
    """One plugin, by its name."""

    def __init__(self, sender: S, name: str) -> None:
        super().__init__(sender)
        self.name = name

    @operation
    def call(self, function: str, /, **arguments: Any) -> Operation[CallResult]:
        """Call a function with its arguments; `Client.call` takes what this cannot say."""
        return calling(self.name, function, arguments, None, None, None)

    @operation
    def get(self) -> Operation[Plugin]:
        """Show the plugin."""
        return get(at("/plugins/{}", self.name), json_of(Plugin))

    @operation
    def functions(self) -> Operation[dict[str, Function]]:
        """Describe its functions by name."""
        path = at("/plugins/{}/functions", self.name)
        return get(path, json_of(dict[str, Function]))


class Client(Api[Blocking]):
    """A host, as one API key sees it, for code that blocks.

    Threads may share it. It keeps connections open for requests to come, up to 100 at once, and
    closes them at the end of its ``with`` block, or by `close`.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        """Without a URL or a key, ``WARDIAN_URL`` and ``WARDIAN_API_KEY`` are read.

        ``tls`` is for hosts whose certificate is from an authority of your own.

        Raises:
            Misconfigured: the URL or the key cannot be used.
        """
        super().__init__(Blocking.to(Place.of(url, key), Options(**options), tls))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def each(
        self, lists: Callable[P, Page[T]], *args: P.args, **kwargs: P.kwargs
    ) -> Generator[T, None, None]:
        """Iterate over a list in pages: what ``lists``, such as ``client.keys.list``, returns.

        The arguments are those of the method. A ``limit`` is how long each page is.
        """
        asked: dict[str, Any] = {"limit": PAGE, **kwargs}
        more: Callable[..., Page[T]] = lists
        while True:
            page = more(*args, **asked)
            yield from page
            if page.next is None:
                return
            asked["cursor"] = page.next

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def with_options(self, **options: Unpack[ClientOptions]) -> Self:
        """The same client, with the same connections, that makes requests in another way."""
        made = copy.copy(self)
        Api.__init__(made, self._sender.over(replace(self._sender.options, **options)))
        return made


class AsyncClient(Api[Awaiting]):
    """A host, as one API key sees it, for code that awaits.

    Tasks of one event loop may share it. A task that is cancelled closes its connection, and by
    that ends its call on the host.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        """Without a URL or a key, ``WARDIAN_URL`` and ``WARDIAN_API_KEY`` are read.

        ``tls`` is for hosts whose certificate is from an authority of your own.

        Raises:
            Misconfigured: the URL or the key cannot be used.
        """
        super().__init__(Awaiting.to(Place.of(url, key), Options(**options), tls))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    async def each(
        self,
        lists: Callable[P, Coroutine[Any, Any, Page[T]]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> AsyncGenerator[T, None]:
        """Iterate over a list in pages: what ``lists``, such as ``client.keys.list``, returns.

        The arguments are those of the method. A ``limit`` is how long each page is.
        """
        asked: dict[str, Any] = {"limit": PAGE, **kwargs}
        more: Callable[..., Coroutine[Any, Any, Page[T]]] = lists
        while True:
            page = await more(*args, **asked)
            for item in page:
                yield item
            if page.next is None:
                return
            asked["cursor"] = page.next

    async def close(self) -> None:
        """Close the connections."""
        await self._sender.close()

    def with_options(self, **options: Unpack[ClientOptions]) -> Self:
        """The same client, with the same connections, that makes requests in another way."""
        made = copy.copy(self)
        Api.__init__(made, self._sender.over(replace(self._sender.options, **options)))
        return made
