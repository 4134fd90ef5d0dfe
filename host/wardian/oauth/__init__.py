"""OAuth 2: the host gets and refreshes tokens, so that plugins need none of it."""
