"""Small plots for a terminal, and numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def sparkline(values: Sequence[float]) -> str:
    """Draw values as one line of bars from 0 to the largest; of zeros, the lowest bar."""
    most = max(values, default=0.0)
    if most <= 0:
        return _LEVELS[0] * len(values)
    top = len(_LEVELS) - 1
    # What is not nothing is never drawn as nothing.
    return "".join(_LEVELS[round(v / most * (top - 1)) + 1 if v > 0 else 0] for v in values)


def bar(share: float, width: int) -> str:
    """Draw a share of ``width`` characters, to an eighth of one."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def thinned(values: Sequence[float], width: int) -> list[float]:
    """Add neighbours up until at most ``width`` values are left."""
    size = -(-len(values) // max(1, width)) or 1
    return [sum(values[at : at + size]) for at in range(0, len(values), size)]


def short(amount: float) -> str:
    """Say a number in four characters or so: ``1.2k``, ``340M``."""
    for step, unit in _STEPS:
        if abs(amount) >= step * 0.9995:
            scaled = amount / step
            return f"{scaled:.3g}{unit}" if scaled < 999.5 else f"{scaled:.0f}{unit}"
    return (
        f"{amount:.0f}"
        if amount == int(amount)
        else f"{amount:.2g}"
        if amount < 10
        else (f"{amount:.0f}")
    )


def seconds(value: float | None) -> str:
    """Say a time: ``850 µs``, ``12 ms``, ``1.5 s``; nothing for None."""
    if value is None:
        return ""
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.3g} ms"
    return f"{value:.3g} s"
