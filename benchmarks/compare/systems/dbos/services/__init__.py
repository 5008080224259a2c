"""The services in DBOS's idiom. They do the same work as ours, against the same simulated systems.

A unit of work is a workflow with an ID of its own, what has an effect is a step, waiting is a durable sleep or a
delayed start, and what must run later or in a limited number goes through a queue.
"""
