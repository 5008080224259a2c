"""`make demo`: the six patterns, played on a stack of their own and checked."""
