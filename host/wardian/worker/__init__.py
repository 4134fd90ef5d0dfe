"""The child process: it runs strangers' code, holds no authority, and is killed at will.

A worker reads one call at a time from its socket, runs it in a sandbox, and asks the broker
for everything else. It reports; the broker judges.
"""
