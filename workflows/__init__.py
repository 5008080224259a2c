"""The durable part: one deterministic workflow per pattern."""
