"""MCP (https://modelcontextprotocol.io) at `/mcp`: what a key may call, as tools.

Only the modules that `endpoint` needs speak to the SDK; `route` does without it, so that a host
which nobody asks this way never loads it.
"""
