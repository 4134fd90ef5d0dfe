"""What tenants may spend on agents."""
