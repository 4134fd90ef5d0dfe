"""Say an answer piece by piece, while an agent works on it. Needs no permission."""

from wit_world.imports import answering as _host

from wardian_sdk._errors import ask

__all__ = ["emit"]


def emit(piece: str) -> None:
    """Say the next piece; who asked may hear it at once, or not at all.

    The answer that is returned is whole, whatever was said before. Raises ``Exhausted`` when pieces
    together are longer than a result may be, and ``Unavailable`` outside of a question.
    """
    ask(_host.emit, piece)
