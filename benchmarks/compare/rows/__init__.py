"""The rows of the comparison: what is asked of every system, and how its answers are checked."""
