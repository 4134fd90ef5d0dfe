"""Which agent is asked."""
