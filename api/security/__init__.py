"""Who may call what: credentials, and the role that each operation needs."""
