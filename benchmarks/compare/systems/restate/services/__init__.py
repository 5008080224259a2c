"""The six services in Restate's idiom. They do the same work as ours, against the same simulated systems.

Steps with an effect are `ctx.run_typed`, waiting is `ctx.sleep` or a delayed send, state is the object's own.
"""
