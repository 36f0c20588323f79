"""Who may use the server: keys, sign-in, tickets, users of a trusted proxy, limits, and TLS."""
