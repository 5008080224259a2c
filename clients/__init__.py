"""Client code that starts and signals workflows, for the gateway and for the workers."""
