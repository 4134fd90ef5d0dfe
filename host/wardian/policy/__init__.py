"""Pure data and decisions: what is allowed, and how much of it."""
