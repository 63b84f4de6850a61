"""Django's backend of PostgreSQL, with an end to waiting for a server that hangs."""
