"""The steps that touch the world, one class per pattern, each with the ports it needs."""
