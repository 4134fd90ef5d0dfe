"""How a question comes to its answer."""
