"""What the patterns cost, measured as ratios in one run. Never run by tests."""
