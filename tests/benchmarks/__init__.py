"""``make bench``: what Wardian costs, beside its peers, in one run."""
