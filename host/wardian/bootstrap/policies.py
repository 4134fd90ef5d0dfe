"""Settings as the values that parts are made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wardian.errors import HostUnusable, InvalidArguments
from wardian.plugins.ceiling import LevelCeiling
from wardian.policy.permissions import Permission, parse_permission
from wardian.runtime.calls import CallPolicy
from wardian.runtime.executor import ExecutorSettings
from wardian.runtime.recording import RecordingPolicy
from wardian.settings import Settings
from wardian.telemetry.steps import step

COMPILED = "compiled"
UNPACKED_RATIO = 4


def call_policy(settings: Settings) -> CallPolicy:
    ceilings: dict[str, Any] = {
        "wall_seconds": settings.call_wall_seconds_max,
        "memory_bytes": settings.call_memory_bytes_max,
    }
    return CallPolicy(
        excluded=tuple(_excluded(text) for text in settings.excluded_permissions),
        ceilings={name: value for name, value in ceilings.items() if value is not None},
        ceiling=level_ceiling(settings),
        environment=settings.environment,
    )


def _excluded(text: str) -> Permission:
    try:
        return parse_permission(text)
    except InvalidArguments as exc:
        raise HostUnusable(
            f"The setting WARDIAN_EXCLUDED_PERMISSIONS cannot be used: {exc.message}"
        ) from exc


def level_ceiling(settings: Settings) -> LevelCeiling:
    return LevelCeiling(level_max=settings.level_max, default_tenant=settings.default_tenant)


def recording_policy(settings: Settings) -> RecordingPolicy:
    return RecordingPolicy(
        calls_max=settings.recorded_calls_max,
        bytes_max=settings.recording_bytes_max,
        plugin_bytes_max=settings.recordings_bytes_max,
    )


def executor_settings(settings: Settings, folder: Path) -> ExecutorSettings:
    return ExecutorSettings(
        cache_dir=folder / COMPILED,
        workers_max=settings.workers_max,
        queue_max=settings.queue_max,
        queue_seconds=settings.queue_seconds,
        calls_per_worker=settings.calls_per_worker,
        compile_seconds=settings.compile_seconds,
        compile_memory_bytes=settings.compile_memory_bytes,
        component_bytes_max=settings.upload_bytes_max,
        allow_weak_isolation=settings.allow_weak_isolation,
        step=step,
    )


def chosen_key(settings: Settings) -> str | None:
    key = settings.bootstrap_key
    return None if key is None else key.get_secret_value()
