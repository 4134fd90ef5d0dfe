"""HTTP in, HTTP out: the only package that knows FastAPI."""
