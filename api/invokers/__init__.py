"""How the gateway runs an invocation: as a workflow, as a standalone activity, or as a message to an entity."""
