"""The least that a Python plugin can do."""


class WitWorld:
    def echo(self, value: str) -> str:
        return value
