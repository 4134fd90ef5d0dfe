"""The schemas that plugins' data beside rows must fit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from wardian.config import ConfigSchema
from wardian.errors import InvalidArguments, NotFound
from wardian.plugins import Installed
from wardian.plugins.row_data import RowData
from wardian.storage.documents import check_json, dump_json, utf8_length

DATA_BYTES_MAX = 64 * 1024
COMPILED_MAX = 256

WHAT = "The data"


def asked_of(plugin: Installed, kind: str) -> RowData:
    """Return what a plugin's manifest says of its data beside rows of a kind.

    Raises:
        NotFound: nothing.
    """
    for each in plugin.manifest.row_data:
        if each.kind == kind:
            return each
    known = ", ".join(each.kind for each in plugin.manifest.row_data) or "nothing"
    raise NotFound(
        f"{plugin.name} keeps nothing beside rows called {kind[:80]!r}; its manifest names: "
        f"{known}."
    )


class RowSchemas:
    """Judges data; each schema is compiled once."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[tuple[str, str], ConfigSchema] = OrderedDict()

    def check(self, plugin: Installed, asked: RowData, data: Mapping[str, Any]) -> None:
        """Check data against the schema that the plugin has now.

        Raises:
            InvalidArguments: it does not fit, or is too large; with the path of the first fault.
        """
        check_json(data)
        size = utf8_length(dump_json(dict(data)))
        if size > DATA_BYTES_MAX:
            raise InvalidArguments(
                f"The data takes {size:,} bytes; beside one row {DATA_BYTES_MAX:,} may be kept."
            )
        for fault in self._of(plugin, asked).faults(data):
            raise InvalidArguments(fault.message, path=fault.path)

    def _of(self, plugin: Installed, asked: RowData) -> ConfigSchema:
        key = plugin.package_digest, asked.kind
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = ConfigSchema(asked.data_schema, what=WHAT)
            if len(self._compiled) > COMPILED_MAX:
                self._compiled.popitem(last=False)
        return found
