"""Everything that opens a socket or a file."""
