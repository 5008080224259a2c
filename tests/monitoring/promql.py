"""The selectors and labels of a query, found in its text: enough for the queries of this repository."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_STRING = r'"(?:[^"\\]|\\.)*"'
_SELECTOR = re.compile(
    rf"(?<![\w$.])(?P<name>[a-z_:][a-z0-9_:]*)(?:\{{(?P<matchers>(?:[^}}\"]|{_STRING})*)\}})?(?!\w|\s*\()"
)
_MATCHER = re.compile(rf"(?P<label>\w+)\s*(?P<operator>=~|!~|!=|=)\s*(?P<value>{_STRING})")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\((?P<labels>[^)]*)\)")
_KEYWORDS = frozenset({"or", "and", "unless", "offset", "bool", "by", "without", "on", "ignoring"})
_DURATION = re.compile(r"\[(?:\d+[smhd]|\$__rate_interval)\]|\boffset\s+\w+")


@dataclass(frozen=True)
class Series:
    """One series that a process exposes."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float = field(default=1, compare=False)

    @property
    def by_label(self) -> dict[str, str]:
        return dict(self.labels)


@dataclass(frozen=True)
class Selector:
    """A metric, and what its labels must be."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    def matches(self, series: Series) -> bool:
        return self.name == series.name and all(
            _holds(operator, series.by_label.get(label, ""), value) for label, operator, value in self.matchers
        )


def selectors(query: str) -> list[Selector]:
    """What the query reads."""
    text = _GROUPING.sub("", _DURATION.sub("", query))
    return [
        Selector(found["name"], tuple(_matchers(found["matchers"] or "")))
        for found in _SELECTOR.finditer(text)
        if found["name"] not in _KEYWORDS
    ]


def grouped_by(query: str) -> set[str]:
    """The labels that the query's operators name; `le` is a histogram's own."""
    lists = (found["labels"].split(",") for found in _GROUPING.finditer(query))
    return {label.strip() for labels in lists for label in labels} - {"le"}


def exposed(text: str, **target: str) -> Iterator[Series]:
    """The series of an answer to a scrape, with the labels that Prometheus adds for its target."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition("{") if "{" in line else (line.split()[0], "", "")
            labels = {found["label"]: found["value"][1:-1] for found in _MATCHER.finditer(rest)}
            yield Series(name, tuple(sorted((labels | target).items())), float(line.split()[-1]))


def unmatched(query: str, series: Iterable[Series]) -> list[str]:
    """What is wrong with the query, given all series that there are.

    A metric must be there with the labels. Their values must be those of some metric: not every activity has failed.
    """
    known = list(series)
    values = {item for each in known for item in each.labels}
    wrong = []
    for selector in selectors(query):
        labels = {label for each in known if each.name == selector.name for label in each.by_label}
        wanted = {label for label, *_ in selector.matchers} | grouped_by(query)
        if not labels:
            wrong.append(f"{selector.name} is not exposed")
        wrong += [f"{selector.name} has no label {label}" for label in sorted(wanted - labels)]
        wrong += [
            f"no {label} matches {value}"
            for label, operator, value in selector.matchers
            if not any(_holds(operator, given, value) for name, given in values if name == label)
        ]
    return wrong


def _matchers(text: str) -> Iterator[tuple[str, str, str]]:
    for found in _MATCHER.finditer(text):
        yield found["label"], found["operator"], found["value"][1:-1]


def _holds(operator: str, value: str, wanted: str) -> bool:
    if operator in ("=", "!="):
        return (value == wanted) is (operator == "=")
    return (re.fullmatch(wanted, value) is not None) is (operator == "=~")
