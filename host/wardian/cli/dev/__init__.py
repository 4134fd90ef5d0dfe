"""``wardian dev``: watch a plugin's sources, rebuild, hot-reload, show what it says.

``watching`` sees that something changed, ``follow`` makes one attempt at a time of it, ``attempts``
builds and reloads, ``showing`` prints; ``command`` puts them beside a host of their own.
"""
