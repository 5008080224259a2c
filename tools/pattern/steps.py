"""What makes a pattern: the steps that `make pattern` does, and those that are left to its author.

`tests/test_house.py` checks every step for every pattern, and fails with the step's text where one is missing.
"""

WRITTEN = {
    "domain": "domain/$name.py: add payloads, rules and errors, and the row $constant.",
    "workflow": "workflows/$name.py: add the workflow, under `name=$constant.service`.",
    "activities": "activities/$name.py: add the class of activities, and the ports that it takes.",
    "routes": "api/routes/$name.py: add `routes(gateway)`, which returns the router and its invoker.",
    "tests": "tests/workflows/test_$name.py: add tests of the workflow, with fakes for its ports.",
    "page": "docs/patterns/$name.md: add the pattern's page.",
    "row in PATTERNS": "domain/patterns.py: add $constant to PATTERNS.",
    "row in POOLS": "workers/pools.py: add a row for $constant to POOLS.",
    "row in ROUTES": "api/app.py: add a row for $constant to ROUTES.",
}
"""By a short name, as templates for `Naming.fill`."""

LEFT = {
    "readme": "README.md: add `$service` to the table of patterns with a link to docs/patterns/$name.md,"
    " and a section with a call to localhost:8080/$service/.",
    "row of its page": "docs/patterns/README.md: add a row that links $name.md.",
    "board": "deploy/monitoring/dashboards/$name.json: write its board with `make env`.",
    "http": "docs/http.md: add `$service` to the table of services: key, handlers, bodies and outcomes.",
    "demo": "devstack/demo/scenes.py: add a scene, `async def $name(stage)`, and its row in SCENES.",
    "storms": "tests/chaos: add a unit of $constant to model.py, units.py and load.py, so that storms check it.",
    "replay": "tests/replay/scenarios.py: add a scenario that runs workflows/$name.py, and record its history"
    " with `python -m tests.replay.record`.",
}
