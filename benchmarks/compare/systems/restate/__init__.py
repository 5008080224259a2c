"""The six patterns on Restate, written as its documentation recommends."""
