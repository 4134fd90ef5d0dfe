"""Schedules of plugins: what the host does by itself, once for each tick, whichever host it is.

``grid`` says when ticks are and which of them are run, ``planning`` keeps the rows in step with the
manifests, ``claims`` has one host begin a run and write down its end, ``running`` makes the call,
``scheduler`` looks what is due, and ``schedules`` is what operators see and change.
"""
