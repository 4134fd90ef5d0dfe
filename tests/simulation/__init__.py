"""Played agents: the real router, breaker and evidence over a clock that only tests turn."""
