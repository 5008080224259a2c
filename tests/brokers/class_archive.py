"""Kafka's classes as Java has them in memory, in a file: a node that maps it starts with a third less CPU time.

Java calls this class-data sharing. A file of another Java or of other jars is not used, nor is one that is missing.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

RECORDING = "-XX:+RecordDynamicDumpInfo"
"""For a process that an archive is made of."""


class ClassArchive:
    """The archive of this Java and these jars. `folder` is kept from one run to the next."""

    def __init__(self, folder: Path, classpath: str) -> None:
        java = Path(shutil.which("java") or "java").resolve()
        file = java.stat()
        of = f"{java} {file.st_mtime_ns} {file.st_size} {classpath}"
        self.file = folder / f"{hashlib.sha256(of.encode()).hexdigest()[:16]}.jsa"

    @property
    def using(self) -> str:
        """The option of a process that uses it, if it exists by then."""
        return f"-XX:SharedArchiveFile={self.file}"

    def make(self, pid: int) -> None:
        """Make it of the classes that this process has loaded. A Java without `jcmd` makes none."""
        if not shutil.which("jcmd"):
            return
        unfinished = self.file.with_suffix(f".{pid}")
        command = ["jcmd", str(pid), "VM.cds", "dynamic_dump", str(unfinished)]
        made = subprocess.run(command, check=False, capture_output=True).returncode == 0
        if made and unfinished.exists():
            unfinished.rename(self.file)
