"""Which agents there are, and what is known of each."""
