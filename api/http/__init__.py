"""What concerns HTTP only: bodies, problem documents, connections, metrics, the OpenAPI document."""
