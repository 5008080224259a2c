"""Whether a unit costs more when much is done already, and with more worker processes."""
