"""The Grafana boards of deploy/monitoring/dashboards, as descriptions: `python -m tools.boards` writes them."""
