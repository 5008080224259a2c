"""Certificates of an authority that exists for one test session, made with OpenSSL."""

import subprocess
from pathlib import Path

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
# Python 3.13 accepts no authority without its usage.
_AUTHORITY = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
_SIGNED = [
    *("-CA", "ca.crt", "-CAkey", "ca.key"),
    *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
]


def make_certificates(folder: Path) -> None:
    """Make `ca.crt`, and `.crt` and `.key` of `server`, `client` and of a `stranger` that the authority did not sign.

    `server.pem` has the server's key and certificate together.
    """
    for name, signed in (("ca", _AUTHORITY), ("stranger", _AUTHORITY), ("server", _SIGNED), ("client", _SIGNED)):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.crt"]
        command = ["openssl", "req", "-x509", *_KEY, "-subj", f"/CN={name}", *files, *signed]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    server = [(folder / name).read_text() for name in ("server.key", "server.crt")]
    (folder / "server.pem").write_text("".join(server))
