"""The operator's settings: environment variables with the prefix ``WARDIAN_``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from wardian.errors import HostUnusable
from wardian.policy.limits import MAX_WALL_SECONDS, MIB

_Count = Annotated[int, Field(ge=1)]
_Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """What an operator may set.

    Attributes:
        data_dir: database, components and compiled code.
        bootstrap_key: the first admin key; used on an empty data directory only.
        database_url: SQLite in ``data_dir`` unless it says otherwise.
        workers_max: worker processes at most.
        queue_max, queue_seconds: how many calls may wait for a worker, and how long.
        calls_per_worker: after which a worker is replaced.
        compile_seconds, compile_memory_bytes: CPU and address space of one compilation.
        upload_bytes_max: a package; its unpacked files may take four times that.
        body_bytes_max: any other request.
        kv_bytes_max, kv_keys_max: what one plugin may keep in one tenant.
        call_wall_seconds_max, call_memory_bytes_max: ceilings over every level's own limits.
        describe_functions_publicly: whether the API document shows the default tenant's functions
            without a key; None means only when ``host`` is a loopback address.
        excluded_permissions: what no plugin gets, whatever was granted.
    """

    model_config = SettingsConfigDict(env_prefix="WARDIAN_", frozen=True, extra="forbid")

    data_dir: Path = Path(".wardian")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8420
    bootstrap_key: SecretStr | None = None
    database_url: str | None = None
    workers_max: _Count = (os.cpu_count() or 1) + 2
    queue_max: Annotated[int, Field(ge=0)] = 64
    queue_seconds: _Seconds = 5.0
    calls_per_worker: _Count = 1_000
    compile_seconds: _Count = 60
    compile_memory_bytes: _Count = 4096 * MIB
    upload_bytes_max: _Count = 64 * MIB
    body_bytes_max: _Count = 16 * MIB
    kv_bytes_max: _Count = 64 * MIB
    kv_keys_max: _Count = 100_000
    call_wall_seconds_max: Annotated[float, Field(gt=0, le=MAX_WALL_SECONDS)] | None = None
    call_memory_bytes_max: _Count | None = None
    default_tenant: str = "default"
    describe_functions_publicly: bool | None = None
    excluded_permissions: tuple[str, ...] = ()


def load_settings(**chosen: Any) -> Settings:
    """Read the environment, with ``chosen`` values over it.

    Raises:
        HostUnusable: a value cannot be used; names the setting.
    """
    try:
        return Settings(**chosen)
    except ValidationError as exc:
        fault = exc.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(step) for step in fault["loc"])
        raise HostUnusable(
            f"The setting WARDIAN_{name.upper()} cannot be used: {fault['msg']}."
        ) from exc
