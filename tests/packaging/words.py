"""Finds discouraged words in code and pages, each with the plain word to write instead: `make check`.

Code, log lines and errors are read by people in a hurry, many of whom learned English as a second language.
"""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECKED = frozenset(
    {".css", ".example", ".html", ".ini", ".js", ".mako", ".md", ".py", ".sh", ".sql", ".toml", ".xml", ".yaml", ".yml"}
)
CHECKED_NAMES = frozenset({"Dockerfile", "Makefile"})
HERE = frozenset({"tests/packaging/words.py", "tests/packaging/test_words.py"})


@dataclass(frozen=True)
class Discouraged:
    """`pattern` is a regular expression for whole words, upper or lower case. A space in it is any gap between words:
    an underscore, or a line break in a comment. `instead` says what to write, `example` is a text with the word.
    """

    pattern: str
    instead: str
    example: str


WORDS = (
    Discouraged("anew", "again, or recreated", "a topic made anew"),
    Discouraged("for ever", "indefinitely", "wait for ever"),
    Discouraged("mend(s|ed|ing)?", "fix", "a retry does not mend it"),
    Discouraged(r"(?<![:/@])(no|some|every)body(?='s |[.,;:!?\")]*\s)", "who: the user, no client", "nobody reads it"),
    Discouraged("meanwhile", "during that time", "a failure that came meanwhile"),
    Discouraged("whence", "from where", "and whence it came"),
    Discouraged("thence", "from there", "and thence to the broker"),
    Discouraged("hitherto", "until now", "hitherto unknown"),
    Discouraged("lest", "so that ... not", "lest it runs twice"),
    Discouraged("whilst", "while", "whilst it runs"),
    Discouraged("amongst", "among", "amongst the workers"),
    Discouraged("shall", "must, or will", "the others shall not wait"),
    Discouraged("where(by|in)|there(in|of)", "two sentences", "the signal whereby it stops"),
    Discouraged("for want of", "because there is no", "it fails for want of time"),
    Discouraged("side by side", "concurrently", "test_they_run_side_by_side"),
    Discouraged("(is|are|was|were|be|being|go|goes|going|went) away(?! from)", "unavailable, or gone", "Kafka is away"),
    Discouraged('(broker|database|kafka|server|temporal) away|"away"', "unavailable", "DATABASE_AWAY"),
    Discouraged("(is|are|was|were|be|been|being|not) taken for", "counts as", "it is taken for lost"),
    Discouraged(
        r"(take|takes|taking|took) \w+( \w+)? for (an? |the )?(dead|deadlocked|lost)",
        "counts ... as",
        "Temporal took this consumer for lost",
    ),
    Discouraged("tell(s|ing)?|told", "report, return, say, or distinguish", "it tells why a step failed"),
    Discouraged("lies in", "is", "the reason lies in the broker"),
    Discouraged("(all|everything|nothing|none),? save (for|that)", "except", "all, save for the last"),
    Discouraged(
        "behind (it|them|another|(an?|its|each|the) (answer|batch|end|first|last|letter|offset|post|record|space))",
        "after",
        "pages go on behind the last letter",
    ),
    Discouraged(
        r"\d[\d,.]*( (?!(after|and|as|at|for|from|has|in|is|of|or|to|was|with) )\w+)? a (second|minute)",
        "per second, per minute",
        "20 polls a second",
    ),
    Discouraged('(#|""") ?(?-i:Of)(?= (?!course))', "a sentence", '"""Of the posts that are read."""'),
)
_GAP = r"(?:[ \t]|\n[ \t]*(?:[#>*-]+[ \t]+)?)"


def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])(?:{pattern.replace(' ', _GAP)})(?![a-z0-9])", re.IGNORECASE)


_PATTERNS = [(_whole(word.pattern), word.instead) for word in WORDS]
_ANY = _whole("|".join(word.pattern for word in WORDS))


def find(text: str) -> Iterator[tuple[int, str]]:
    """The line number of each discouraged word, and what to write instead."""
    words = text.replace("_", " ")  # so that the words of a name count too
    if not _ANY.search(words):  # as in most files; a third of the time that all patterns take
        return
    for pattern, instead in _PATTERNS:
        for found in pattern.finditer(words):
            yield words.count("\n", 0, found.start()) + 1, f"{' '.join(found[0].split())!r}: better {instead}"


def files() -> Iterator[Path]:
    """The files to check: everything that a person writes, but no folder that .gitignore names."""
    ignored = {line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.endswith("/")}
    for folder, subfolders, names in os.walk(ROOT):
        if "pyvenv.cfg" in names:
            subfolders.clear()
            continue
        subfolders[:] = sorted(set(subfolders) - ignored - {".git"})
        for name in sorted(names):
            if name in CHECKED_NAMES or Path(name).suffix in CHECKED:
                yield Path(folder, name)


def findings() -> list[str]:
    """A line for each discouraged word in the project."""
    paths = {str(file.relative_to(ROOT)): file for file in files()}
    return [
        f"{path}:{line}: {what}"
        for path, file in paths.items()
        if path not in HERE
        for line, what in sorted(find(file.read_text()))
    ]


if __name__ == "__main__":
    sys.exit("\n".join(findings()) or None)
