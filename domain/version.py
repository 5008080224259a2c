"""The version of this code, which gateway, workers and command line say of themselves."""

VERSION = "0.1.0"


def identity(process: str) -> str:
    """How a worker process is known to Temporal, and in its Web UI: `7@host/0.1.0` of `7@host`."""
    return f"{process}/{VERSION}"


def version_of(identity: str) -> str | None:
    """The version that is in a worker's identity; None if it has none."""
    return identity.rpartition("/")[2] if "/" in identity else None
