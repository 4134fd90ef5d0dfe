"""Headers of HTTP, whose names have no case and may occur more than once."""

from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Headers"]


class Headers(Mapping[str, str]):
    """A mapping from names, in whatever case, to values; nothing of what came is lost.

    ``headers["vary"]`` joins the values of a header that came more than once with commas, as HTTP
    means it. Where that is not what was meant, as with ``set-cookie``, there is ``get_all``.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple((name, value) for name, value in pairs)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every header as it came, in the order it came in."""
        return self._pairs

    def get_all(self, name: str) -> list[str]:
        """Return each value of this name; an empty list when there is none."""
        wanted = name.lower()
        return [value for key, value in self._pairs if key.lower() == wanted]

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._pairs))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._pairs})

    def __repr__(self) -> str:
        return f"Headers({list(self._pairs)!r})"
