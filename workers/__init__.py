"""Processes that run workflows and activities."""
