"""`make pattern`: lays out a new pattern, six files from templates and three rows in the tables."""
