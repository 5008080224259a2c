"""Measures what the patterns cost. Tests never run it."""
