"""The jars of Apache Kafka: in a folder named by KAFKA_HOME, or from Maven, which fetches them once."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

VERSION = "4.3.1"
OLDEST_JAVA = 17
NEEDS = f"Java {OLDEST_JAVA} with KAFKA_HOME or Maven"

_POM = Path(__file__).parent / "pom.xml"
CLASSPATH_KEY = f"{VERSION}-{sha256(_POM.read_bytes()).hexdigest()[:12]}"
"""Names a class path from Maven, for a cache: another version or other dependencies have another one."""


@dataclass(frozen=True)
class Jars:
    """`origin` names the installation, `options` are those of every process."""

    origin: str
    classpath: str
    options: tuple[str, ...] = ()

    @property
    def java(self) -> list[str]:
        """The command line of one of Kafka's Java programs, without its own options, main class and arguments."""
        return ["java", *self.options, "-cp", self.classpath]


def resolve_classpath() -> str | None:
    """The server's jars in Maven's local repository, where it fetches those that are missing. None if it cannot."""
    if not shutil.which("mvn"):
        return None
    command = ["mvn", "--batch-mode", "--quiet", "--file", str(_POM), f"-Dkafka.version={VERSION}"]
    with TemporaryDirectory() as folder:
        classpath = Path(folder) / "classpath"
        goal = ["dependency:build-classpath", "-DincludeScope=runtime", f"-Dmdep.outputFile={classpath}"]
        resolved = subprocess.run([*command, *goal], check=False, capture_output=True).returncode == 0
        return classpath.read_text() if resolved else None


def find_jars(resolve: Callable[[], str | None] = resolve_classpath) -> Jars | None:
    """None if Java or the jars are missing: see `NEEDS`. `resolve` returns Maven's classpath."""
    if not _has_java():
        return None
    if home := os.environ.get("KAFKA_HOME"):
        return Jars(home, f"{home}/libs/*")
    classpath = resolve()
    return Jars(f"{VERSION}, Maven", classpath) if classpath else None


def _has_java() -> bool:
    java = shutil.which("java")
    if not java:
        return False
    asked = subprocess.run([java, "-version"], check=False, capture_output=True, text=True)
    version = re.search(r'version "(\d+)', asked.stderr)
    return version is not None and int(version[1]) >= OLDEST_JAVA
