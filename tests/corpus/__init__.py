"""A runner for component tests in ``.wast``, of any directory: ``python -m corpus DIR …``."""
