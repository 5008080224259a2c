"""The six patterns on Restate, as its documentation would have them written."""
