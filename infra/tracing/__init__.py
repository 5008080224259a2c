"""Distributed traces: what this process did for a request or a record, sent to an OpenTelemetry collector."""
