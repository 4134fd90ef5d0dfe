"""What the host does with plugins: install, call, change, remove."""
