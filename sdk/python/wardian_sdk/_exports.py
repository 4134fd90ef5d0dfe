"""What a plugin exports, held against its world: while it is built, and in every call.

An exception that leaves an exported function ends the call as a trap, and so does a result that is
not of its WIT type; a trap carries no text. So the build refuses a plugin that lacks something it
promises, and each exported function says in the operator's log why it is about to trap. Without
``logging`` among its imports there is nowhere to say it, but for WASI's standard error, to which
Python itself writes what ends it.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType, TracebackType
from typing import Any

import wit_world
from componentize_py_types import Err

from wardian_sdk._errors import WardianError
from wardian_sdk._types import misfit
from wardian_sdk.enhancements import ATTRIBUTE
from wardian_sdk.observers import PluginObserver
from wardian_sdk.questions import PluginAgent

try:
    from wardian_sdk import logging as _logging
except ImportError:  # the plugin's world does not import it
    _logging = None  # type: ignore[assignment]

try:
    from wit_world import exports as _interfaces
except ImportError:  # its world exports functions only
    _interfaces = None  # type: ignore[assignment]

MAX_PLACES = 8

_WORLD = "WitWorld"
_ADOPTED = (("EventHandler", PluginObserver), ("Agent", PluginAgent))
_PRIVATE = "_"


class Incomplete(Exception):
    """The plugin lacks something that its world exports."""


def checked(plugin: ModuleType, declared: dict[str, list[str]]) -> dict[str, Any]:
    """Return what the component is made from: the names of ``plugin``, its exports watched.

    ``declared`` are the enhancements that were found in the source, by method.

    Raises ``Incomplete``, with a line for each fault.
    """
    for name, base in _ADOPTED:
        _adopt(plugin, name, base)
    faults = [fault for promise in _promises() for fault in _faults(plugin, promise)]
    faults += _misread(plugin, declared)
    if faults:
        raise Incomplete("\n".join(faults))
    for promise in _promises() if _logging else ():
        own = getattr(plugin, promise.__name__)
        for name, declared in _functions(promise):
            watched = _watched(getattr(own, name), declared)
            setattr(own, name, staticmethod(watched) if _is_static(own, name) else watched)
    return {name: thing for name, thing in vars(plugin).items() if name[:2] != "__"}


def _adopt(plugin: ModuleType, name: str, base: type) -> None:
    """Take the plugin's one class that derives from ``base`` for ``name``, however it is called."""
    own = [
        thing
        for thing in vars(plugin).values()
        if isinstance(thing, type) and issubclass(thing, base) and thing is not base
    ]
    if len(own) == 1 and not hasattr(plugin, name):
        setattr(plugin, name, own[0])


def _promises() -> Iterator[type]:
    """The classes that a plugin has to have, as the bindings declare them."""
    for module in (wit_world, _interfaces):
        for thing in vars(module).values() if module else ():
            declared_here = isinstance(thing, type) and thing.__module__ == module.__name__
            if declared_here and any(_functions(thing)):
                yield thing


def _functions(promise: type) -> Iterator[tuple[str, Any]]:
    for name, member in vars(promise).items():
        if callable(member) and not name.startswith(_PRIVATE):
            yield name, member


def _faults(plugin: ModuleType, promise: type) -> Iterator[str]:
    own = getattr(plugin, promise.__name__, None)
    what = "the world" if promise.__name__ == _WORLD else "an interface"
    if not isinstance(own, type):
        yield f"There is no class {promise.__name__}, with which {what} is exported."
        return
    for name, declared in _functions(promise):
        written = f"{name}{inspect.signature(declared)}"
        member = getattr(own, name, None)
        if not callable(member):
            yield f"The class {promise.__name__} has no method {written}, which {what} exports."
        elif not _takes(member, declared, given_self=not _is_static(own, name)):
            yield (
                f"{promise.__name__}.{name} takes {inspect.signature(member)}, and is called as "
                f"{written}."
            )


def _misread(plugin: ModuleType, declared: dict[str, list[str]]) -> Iterator[str]:
    """What is declared of exported functions, and was not found in the source; or the reverse."""
    exported = set()
    for promise in _promises():
        for name, _ in _functions(promise):
            method = f"{promise.__name__}.{name}"
            exported.add(method)
            member = getattr(getattr(plugin, promise.__name__, None), name, None)
            for kind in getattr(member, ATTRIBUTE, {}):
                if kind not in declared.get(method, ()):
                    yield (
                        f"{method} declares its {kind} in a way that cannot be read from the "
                        "source. Import the decorator from wardian_sdk, and write it above the "
                        "method, in the class that is exported."
                    )
    for method in declared:
        if method not in exported:
            yield f"{method} has a decorator for the host, and the world exports no such function."


def _is_static(own: type, name: str) -> bool:
    return isinstance(inspect.getattr_static(own, name), staticmethod | classmethod)


def _takes(member: Callable[..., Any], declared: Callable[..., Any], *, given_self: bool) -> bool:
    arguments = list(inspect.signature(declared).parameters)
    try:
        inspect.signature(member).bind(*(arguments if given_self else arguments[1:]))
    except TypeError:
        return False
    except ValueError:  # it does not tell
        return True
    return True


def _watched(function: Callable[..., Any], declared: Any) -> Callable[..., Any]:
    name = function.__name__
    annotation = declared.__annotations__.get("return")
    # The bindings say so in words only.
    may_fail = "componentize_py_types.Err(" in (declared.__doc__ or "")

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            result = function(*arguments, **named)
        except Err as answer:
            if not may_fail:
                _report(f"Err({answer.value!r}) is raised where wit/ declares no error", name)
            raise
        except Exception as failure:
            _report(f"{type(failure).__name__}: {failure}", name, _places(failure.__traceback__))
            raise
        fault = misfit(result, annotation)
        if fault is not None:
            _report(f"the result does not fit wit/: {fault}", name)
        return result

    return call


def _report(text: str, function: str, places: str = "") -> None:
    fields = {"at": places} if places else {}
    # What is reported must not be replaced by why it could not be.
    with suppress(WardianError):
        _logging.error(text, function=function, **fields)


def _places(traceback: TracebackType | None) -> str:
    # Not the `traceback` module: it looks for source files, and without WASI there are none to
    # look for, so that the attempt to describe an exception would itself end the call.
    places = []
    # The first place is `call` above, which everybody knows.
    traceback = traceback and traceback.tb_next
    while traceback is not None:
        code = traceback.tb_frame.f_code
        # The build gives each folder of modules a number: `/0/plugin.py`.
        file = code.co_filename.lstrip("/").partition("/")[2] or code.co_filename
        places.append(f"{file}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    if len(places) > MAX_PLACES:
        # The call and the failure matter; what lies between is the same place over and over.
        half = MAX_PLACES // 2
        places[half:-half] = [f"… {len(places) - MAX_PLACES} more …"]
    return " > ".join(places)
