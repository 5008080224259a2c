"""What the patterns mean: payloads, keys, errors and rules that need no I/O."""
