"""Version 1 of the API: thin routes over the host's own verbs."""
