"""The gateway's routes: one file per pattern, and those that the patterns share."""
