"""What the SDK needs of the bindings, also where there are none: in an author's own tests."""

from typing import Any

try:
    from componentize_py_types import Err
except ImportError:  # plain Python

    class Err(Exception):  # type: ignore[no-redef]
        """Answers the ``err`` of a WIT ``result``."""

        def __init__(self, value: Any) -> None:
            super().__init__(value)
            self.value = value


__all__ = ["Err"]
