"""Many executions, long ones, busy ones, large bodies: each works, or is refused with a reason."""
