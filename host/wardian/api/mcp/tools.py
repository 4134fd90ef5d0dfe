"""Functions as tools.

All that a plugin's author wrote (its description, the names of its functions, parameters and
cases) is read by a model as if somebody had told it. So each text is bounded and shows as what it
is, the author's prose stands in quotation marks with the words of whom it is, and whoever runs the
host can leave it out. What cannot be bounded is not told: such a tool says that it has arguments.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from mcp_types import Tool, ToolAnnotations

from wardian.api.mcp.naming import tool_name
from wardian.plugins.text import escaped
from wardian.runtime.host import Offer
from wardian.sandbox import FunctionDescription

RESULT = "result"
"""The member that a result which is no object comes in, since MCP takes objects only."""

PROSE_CHARS_MAX = 400
SIGNATURE_CHARS_MAX = 300
TITLE_CHARS_MAX = 100
NAME_CHARS_MAX = 200
SCHEMA_BYTES_MAX = 32 * 1024

_PLUGINS_KEPT = 256
_QUOTES = str.maketrans({"“": "'", "”": "'", '"': "'", "<": "‹", ">": "›", "`": "'"})
_ANY = {"type": "object"}


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool, and the function behind it.

    Attributes:
        wraps: whether its result is put in an object, under `RESULT`.
        size: of its description as JSON, roughly, in bytes.
    """

    tool: Tool
    plugin: str
    function: str
    wraps: bool
    size: int

    @property
    def name(self) -> str:
        """What clients call it by."""
        return self.tool.name


class Catalogue:
    """What plugins offer, as tools; described once for each package and what it may do."""

    def __init__(self, *, prose: bool) -> None:
        """``prose`` has their authors' descriptions told."""
        self._prose = prose
        self._known: OrderedDict[tuple[str, bool, bool], Mapping[str, OfferedTool]] = OrderedDict()

    def of(self, offer: Offer) -> Mapping[str, OfferedTool]:
        """Return the tools of one plugin by name.

        Should two ever have the same name, neither is there: one could be meant for the other.
        """
        key = (offer.package_digest, offer.may_change, offer.reaches_out)
        found = self._known.get(key)
        if found is None:
            functions = offer.functions.values()
            found = _by_name(_tool(offer, each, prose=self._prose) for each in functions)
            self._known[key] = found
            if len(self._known) > _PLUGINS_KEPT:
                self._known.popitem(last=False)
        return found

    def of_all(self, offers: Iterable[Offer]) -> dict[str, OfferedTool]:
        """Return the tools of several plugins by name, in its order."""
        return _by_name(tool for offer in offers for tool in self.of(offer).values())


def _by_name(tools: Iterable[OfferedTool]) -> dict[str, OfferedTool]:
    found = sorted(tools, key=lambda each: each.name)
    counted = Counter(tool.name for tool in found)
    return {tool.name: tool for tool in found if counted[tool.name] == 1}


def _tool(offer: Offer, function: FunctionDescription, *, prose: bool) -> OfferedTool:
    wraps = function.result.get("type") != "object"
    parameters = _bounded(function.parameters)
    tool = Tool(
        name=tool_name(offer.plugin, function.name),
        title=_shown(f"{offer.plugin}: {_short(function.name)}", TITLE_CHARS_MAX),
        description=" ".join(_sentences(offer, function, parameters is not None, prose)),
        input_schema=parameters or _ANY,
        output_schema=_output_schema(function.result, wraps),
        annotations=_annotations(offer),
    )
    size = len(tool.model_dump_json())
    return OfferedTool(tool, offer.plugin, function.name, wraps, size)


def _short(function: str) -> str:
    """A function's name without the package: `ops@1.0.0#add`."""
    return function.rpartition("/")[2]


def _sentences(
    offer: Offer, function: FunctionDescription, is_whole: bool, prose: bool
) -> Iterator[str]:
    yield (
        f"Calls the function {_shown(function.name, NAME_CHARS_MAX)} of the plugin {offer.plugin} "
        f"{offer.version}: {escaped(function.signature, SIGNATURE_CHARS_MAX)}."
    )
    if not is_whole:
        yield "Its arguments are too many to describe here."
    if prose and offer.description:
        yield f"The plugin's author says: “{_shown(offer.description, PROSE_CHARS_MAX)}”"


def _shown(text: str, characters: int) -> str:
    """A stranger's text on one line, which closes no quotation and opens no tag."""
    return escaped(" ".join(text.split()).translate(_QUOTES), characters)


def _output_schema(result: Mapping[str, Any], wraps: bool) -> dict[str, Any] | None:
    kept = _bounded(result)
    if kept is None or not wraps:
        return kept
    return {"type": "object", "properties": {RESULT: kept}, "required": [RESULT]}


def _bounded(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    is_small = len(msgspec.json.encode(schema)) <= SCHEMA_BYTES_MAX
    return dict(schema) if is_small else None


def _annotations(offer: Offer) -> ToolAnnotations:
    """Only what the host itself enforces, whatever the plugin would have clients believe."""
    is_read_only = None if offer.may_change else True
    return ToolAnnotations(read_only_hint=is_read_only, open_world_hint=offer.reaches_out)
