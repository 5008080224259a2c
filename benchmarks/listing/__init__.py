"""How long lists of executions take, and whether their pages are complete."""
