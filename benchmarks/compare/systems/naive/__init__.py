"""Temporal as one would use it on the first day: one activity per step, the SDK's default workers."""
