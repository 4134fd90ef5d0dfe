"""Nouns written once, for clients that block and for clients that await.

A noun's method makes an `Operation`. What a client's user sees under the method's name is what
carries that out: on a noun of a `Client` it returns the value, on one of an `AsyncClient` it is
awaited for the value, and type checkers know which.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from wardian.client.awaiting import Awaiting
from wardian.client.blocking import Blocking
from wardian.client.feeds import Feed
from wardian.client.operations import Operation

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="Blocking | Awaiting")


class Noun(Generic[S]):
    """A part of the API; ``sender`` carries out what its methods ask for."""

    def __init__(self, sender: S) -> None:
        self._sender = sender

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} of {self._sender.place.url}>"


class Method(Generic[P, T]):
    """A method of a noun that asks for one thing."""

    def __init__(self, build: Callable[Concatenate[Any, P], Operation[T]]) -> None:
        self.build = build
        self.__doc__ = build.__doc__

        @functools.wraps(build)
        def carried_out(noun: Noun[Any], *args: P.args, **kwargs: P.kwargs) -> Any:
            return noun._sender.run(build(noun, *args, **kwargs))

        self._carried_out = carried_out

    @overload
    def __get__(self, noun: None, owner: type[Any]) -> Method[P, T]: ...
    @overload
    def __get__(self, noun: Noun[Blocking], owner: type[Any]) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, noun: Noun[Awaiting], owner: type[Any]
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, noun: Noun[Any] | None, owner: type[Any]) -> Any:
        return self if noun is None else MethodType(self._carried_out, noun)


class Stream(Generic[P, T]):
    """A method of a noun that asks for one thing after another."""

    def __init__(self, build: Callable[Concatenate[Any, P], Feed[T]]) -> None:
        self.build = build
        self.__doc__ = build.__doc__

        @functools.wraps(build)
        def followed(noun: Noun[Any], *args: P.args, **kwargs: P.kwargs) -> Any:
            return noun._sender.follow(build(noun, *args, **kwargs))

        self._followed = followed

    @overload
    def __get__(self, noun: None, owner: type[Any]) -> Stream[P, T]: ...
    @overload
    def __get__(
        self, noun: Noun[Blocking], owner: type[Any]
    ) -> Callable[P, Generator[T, None, None]]: ...
    @overload
    def __get__(
        self, noun: Noun[Awaiting], owner: type[Any]
    ) -> Callable[P, AsyncGenerator[T, None]]: ...
    def __get__(self, noun: Noun[Any] | None, owner: type[Any]) -> Any:
        return self if noun is None else MethodType(self._followed, noun)


def operation(build: Callable[Concatenate[Any, P], Operation[T]]) -> Method[P, T]:
    """Make a method that carries out the operation that it returns."""
    return Method(build)


def stream(build: Callable[Concatenate[Any, P], Feed[T]]) -> Stream[P, T]:
    """Make a method that follows the feed that it returns."""
    return Stream(build)
