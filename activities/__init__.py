"""Activities, which do all I/O of the workflows: one class per pattern, with the ports that it needs."""
