"""misbehaving: what no plugin should do, one thing a function, until something stops it."""

from typing import NoReturn

from wardian_sdk import Err, Exhausted, WardianError, context, events, logging

CHUNK_BYTES = 1024 * 1024
RESULT_BYTES = 16 * CHUNK_BYTES


class WitWorld:
    """What ``wit/world.wit`` exports."""

    def spin(self) -> NoReturn:
        """Compute for ever."""
        number = 0
        while True:
            number = (number * 31 + 7) % 1_000_003

    def eat_memory(self) -> NoReturn:
        """Keep ever more memory."""
        kept = []
        while True:
            # Written to and not only asked for, so that it is taken from the machine too.
            kept.append(b"\xaa" * CHUNK_BYTES)

    def recurse(self) -> NoReturn:
        """Call itself, and again."""
        _deeper(1)

    def crash(self) -> NoReturn:
        """Fail with an exception that nobody handles."""
        raise RuntimeError("this plugin was made to fail")

    def huge_result(self) -> str:
        """Answer with more than any level but `trusted` lets pass."""
        return "x" * RESULT_BYTES

    def flood_logs(self) -> NoReturn:
        """Write log lines until the host takes no more."""
        number = 1
        while logging.info(f"line {number} of a flood"):
            number += 1
        raise Err(f"after {number - 1} lines, the host keeps no more")

    def flood_host_calls(self) -> NoReturn:
        """Call a host function until the host answers no more."""
        try:
            while True:
                context.remaining()
        except WardianError as refusal:
            raise Err(str(refusal)) from None

    def ignore_refusals(self) -> NoReturn:
        """Call a host function for ever, whatever the host answers."""
        while True:
            try:
                context.remaining()
            except Exhausted:
                continue

    def publish_storm(self) -> NoReturn:
        """Publish events until the host takes no more."""
        number = 0
        try:
            while True:
                number += 1
                events.publish("misbehaving.storm", {"number": number})
        except WardianError as refusal:
            raise Err(str(refusal)) from None


def _deeper(depth: int) -> NoReturn:
    _deeper(depth + 1)
