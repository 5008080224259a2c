"""The variables that say to the services where they find what they need."""

STORE = "BENCHMARK_DBOS_STORE"
"""The URL of DBOS's store, without a driver: `sqlite:///...` or `postgresql://...`."""
BOOTSTRAP = "BENCHMARK_BOOTSTRAP"
"""The broker's address."""
