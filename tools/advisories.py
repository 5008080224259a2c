"""Compare the image's packages, requirements.txt, with the published advisories. `make advisories` runs it.

Exits with 1 if a package has an advisory, or is not known where they are published; with 2 if the check fails; and with
0 if the advisories cannot be reached, unless ADVISORIES=required, as in CI. Installs and resolves nothing.
"""

import json
import os
import re
import subprocess
import sys
from typing import Any

PIP_AUDIT = (sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off")
_NO_CONNECTION = re.compile(
    r"requests\.exceptions\.\w*(Connection|Proxy|SSL|Timeout)|[Cc]ould not connect|took too long"
)
"""As pip-audit says it: it lets some errors of its HTTP library through."""


def main(requirements: str) -> int:
    done = subprocess.run(  # noqa: S603  # the arguments are ours
        [*PIP_AUDIT, "--format", "json", "--requirement", requirements], capture_output=True, text=True, check=False
    )
    packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"] if done.stdout.startswith("{") else []
    unknown = [package for package in packages if "skip_reason" in package]
    if not packages and not _NO_CONNECTION.search(done.stderr):
        print(f"{requirements} was not checked: {done.stderr.strip()[-500:]}", file=sys.stderr)
        return 2
    if len(unknown) == len(packages):  # no connection, or one to an index without advisories
        return _unreachable(requirements)
    found = [(package, advisory) for package in packages for advisory in package.get("vulns", [])]
    for package, advisory in found:
        names = ", ".join([advisory["id"], *advisory["aliases"]])
        fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {names}; fixed in {fixed}.")
    for package in unknown:
        print(f"{package['name']}: not checked. {package['skip_reason']}")
    if not found and not unknown:
        print(f"{requirements}: none of the {len(packages)} packages has an advisory.")
    return 1 if found or unknown else 0


def _unreachable(requirements: str) -> int:
    is_required = os.environ.get("ADVISORIES") == "required"
    outcome = "failed" if is_required else "skipped"
    print(f"{outcome}: {requirements} was not checked, since no advisories can be reached from here.", file=sys.stderr)
    return 2 if is_required else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
