"""Whether agents answer, and who finds out."""
