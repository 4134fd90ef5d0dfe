"""The schema a manifest gives for its plugin's configuration (JSON Schema, draft 2020-12).

Schemas come from strangers. They are bounded in size by the manifest, in what they cost by
`schema_bounds`, patterns run on an engine that takes linear time, and references lead nowhere
outside the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind

from wardian.config.schema_bounds import BYTES_PER_NODE, check_patterns, measured, path_within
from wardian.errors import Fault, InvalidArguments, InvalidManifest
from wardian.storage.documents import path_of

MAX_LOCATED = 100_000
"""How many nodes of a schema times values may be asked for their faults.

To say where a value fails, the validator makes an error of a kilobyte for each alternative that
it does not fit, all of them before the first is seen; that it fails costs nothing.
"""

FAULTS_TOLD = 20

CONFIG_SCHEMA = "config_schema"
CONFIGURATION = "The configuration"


def _unlocated(what: str) -> Fault:
    return Fault(f"{what} does not fit the plugin's schema: it is too large to say where.")


UNLOCATED = _unlocated(CONFIGURATION)

_PATTERN_BYTES = 1024 * 1024
_SHOWN_CHARS = 500


class ConfigSchema:
    """A checked schema, ready to judge configurations, or other data of a plugin's."""

    def __init__(
        self, schema: Mapping[str, Any], *, where: str = CONFIG_SCHEMA, what: str = CONFIGURATION
    ) -> None:
        """Compile ``schema``, which is ``where`` in the manifest and judges ``what``.

        Raises:
            InvalidManifest: it is not a JSON Schema, or one that this host takes; with the path.
        """
        self._what = what
        try:
            self._nodes = measured(schema).nodes
            check_patterns(schema)
        except InvalidManifest as exc:
            raise _elsewhere(exc, where) from exc
        try:
            self._validator = Draft202012Validator(
                dict(schema),
                pattern_options=RegexOptions(
                    size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES
                ),
                validate_formats=False,
                offline=True,
            )
        except (ValidationError, ValueError) as exc:
            steps = getattr(exc, "instance_path", [])
            message = str(getattr(exc, "message", exc)).partition("\n")[0]
            raise InvalidManifest(
                f"The {where} is not a JSON Schema: {message[:_SHOWN_CHARS]}.",
                path=path_within(where, steps),
            ) from exc

    def check(self, values: Mapping[str, Any]) -> None:
        """Check a whole configuration.

        Raises:
            InvalidArguments: it does not fit; with the path of the first fault.
        """
        for fault in self.faults(values):
            raise InvalidArguments(fault.message, path=fault.path)

    def faults(
        self, values: Mapping[str, Any], *, partial: bool = False, most: int | None = FAULTS_TOLD
    ) -> list[Fault]:
        """Return what is wrong with a configuration, each with its path, or `UNLOCATED`.

        Args:
            partial: take one to which more is to come, so that nothing is missing from it.
            most: how many faults; None for all of them.
        """
        if self._validator.is_valid(dict(values)):
            return []
        found = self._faults(values)
        if not found:
            return [_unlocated(self._what)]
        wrong = [fault for fault in found if not (partial and _is_missing(fault))]
        return [_fault(self._what, fault) for fault in wrong[:most]]

    def check_defaults(self, values: Mapping[str, Any]) -> None:
        """Check a manifest's defaults, which may leave to the operator what is required.

        Raises:
            InvalidManifest: they do not fit; with the paths of the faults.
        """
        if self._validator.is_valid(dict(values)):
            return
        faults = self._faults(values)
        if not faults:
            raise InvalidManifest(
                "The defaults do not fit the config_schema: they are too large to say where.",
                path="default_config",
            )
        wrong = [fault for fault in faults if not _is_missing(fault)]
        if wrong:
            raise InvalidManifest(faults=[_default_fault(fault) for fault in wrong[:FAULTS_TOLD]])

    def _faults(self, values: Mapping[str, Any]) -> list[ValidationError]:
        """Return the faults of values that do not fit, or none if it costs too much to tell."""
        if self._nodes * _weight(values) > MAX_LOCATED:
            return []
        return list(islice(self._validator.iter_errors(dict(values)), MAX_LOCATED))


def _is_missing(fault: ValidationError) -> bool:
    return isinstance(fault.kind, ValidationErrorKind.Required)


def _elsewhere(error: InvalidManifest, where: str) -> InvalidManifest:
    """Say the same of a schema that has another name."""
    path = (error.path or CONFIG_SCHEMA).replace(CONFIG_SCHEMA, where, 1)
    return InvalidManifest(error.message.replace(CONFIG_SCHEMA, where, 1), path=path)


def _fault(what: str, fault: ValidationError) -> Fault:
    path = path_of(fault.instance_path)
    where = f"{path}: " if path else ""
    return Fault(f"{what} does not fit the plugin's schema: {where}{_told(fault)}.", path or None)


def _default_fault(fault: ValidationError) -> Fault:
    path = path_within("default_config", fault.instance_path)
    return Fault(f"The defaults do not fit the config_schema: {path}: {_told(fault)}.", path)


def _told(fault: ValidationError) -> str:
    """Say what is wrong: a value, which may be long, and then what it is not."""
    message = fault.message
    if len(message) <= _SHOWN_CHARS:
        return message
    return f"{message[: _SHOWN_CHARS // 2]} … {message[-_SHOWN_CHARS // 2 :]}"


def _weight(value: Any) -> int:
    """Return how many values there are, long ones counted as more."""
    if isinstance(value, Mapping):
        return 1 + sum(map(_weight, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_weight, value))
    return 1 + (len(value) if isinstance(value, str) else 0) // BYTES_PER_NODE
