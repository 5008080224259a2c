"""What a new pattern consists of on disk, worked out before anything is written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tools.pattern import conflicts, rows
from tools.pattern.naming import Naming

TEMPLATES = Path(__file__).parent / "templates"
FILES = {
    "domain/$name.py": "domain.py.tmpl",
    "workflows/$name.py": "workflow.py.tmpl",
    "activities/$name.py": "activities.py.tmpl",
    "api/routes/$name.py": "routes.py.tmpl",
    "tests/workflows/test_$name.py": "test.py.tmpl",
    "docs/patterns/$name.md": "page.md.tmpl",
}
"""Each file, and the template that it is made from."""


@dataclass(frozen=True)
class Layout:
    """Six files that are new and three that change: their contents, by their paths from the root."""

    new: dict[str, str]
    changed: dict[str, str]

    @classmethod
    def of(cls, naming: Naming, root: Path) -> Self:
        """Fill the templates and add the rows. Raises `Refused` for a name or a service that is taken."""
        new = {naming.fill(path): naming.fill((TEMPLATES / file).read_text()) for path, file in FILES.items()}
        patterns, pools, routes = ((root / path).read_text() for path in (rows.PATTERNS, rows.POOLS, rows.ROUTES))
        changed = {
            rows.PATTERNS: rows.add_to_patterns(patterns, naming),
            rows.POOLS: rows.add_to_pools(pools, naming, rows.patterns_in(patterns)),
            rows.ROUTES: rows.add_to_routes(routes, naming),
        }
        conflicts.check(naming, root, new, changed)
        return cls(new, changed)

    def write(self, root: Path) -> None:
        """Write all nine. Raises `FileExistsError` rather than replace a file that should be new."""
        for path, text in self.new.items():
            with (root / path).open("x", encoding="utf-8") as file:
                file.write(text)
        for path, text in self.changed.items():
            (root / path).write_text(text, encoding="utf-8")
