"""How good answers are, as those say who asked, and which of two versions is better."""
