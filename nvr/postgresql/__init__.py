"""Django's backend for PostgreSQL with timeouts for a server that hangs."""
