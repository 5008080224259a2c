"""A rolling restart of the workers under load: how long each takes to leave, and how long units wait for it."""
