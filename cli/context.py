"""What every command gets: the gateway, and how to print."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import typer

from cli.gateway import Gateway
from cli.output import Output


@dataclass
class Session:
    """One run of the command line. The gateway is opened by the first call to it."""

    open_gateway: Callable[[], Gateway]
    output: Output

    @cached_property
    def gateway(self) -> Gateway:
        """Raises `Failed` for an address or a profile that cannot be."""
        return self.open_gateway()

    def close(self) -> None:
        """Close the gateway, if it was opened."""
        if "gateway" in self.__dict__:
            self.gateway.close()


def session_of(context: typer.Context) -> Session:
    session: Session = context.obj
    return session
