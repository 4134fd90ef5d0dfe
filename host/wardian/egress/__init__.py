"""HTTP requests of guests on their way out: judged, pinned, bounded and read through."""
