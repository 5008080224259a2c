"""Record what units cost, and write the page from it: `python -m tests.economy.record`, after a change on purpose."""

import asyncio
import os

from temporalio.client import Client

from domain.steps import StepMode
from tests.dev_server import dev_server
from tests.economy.cost import ATTEMPTS, Costs, all_differences, save
from tests.economy.plays import PLAYS, Play, as_processes_have_it
from tests.packaging import cost_page


async def main() -> None:
    async with dev_server({}) as environment:
        client = as_processes_have_it(environment.client)
        save({play.name: {mode: await _settled(play, client, mode) for mode in play.modes} for play in PLAYS})
    cost_page.write()


async def _settled(play: Play, client: Client, mode: StepMode) -> Costs:
    """What two plays in succession agree on."""
    last = await play.run(client, mode)
    for _ in range(ATTEMPTS):
        before, last = last, await play.run(client, mode)
        if not (found := all_differences(before, last)):
            return last
    raise RuntimeError(f"{play.name} costs something else each time: {found}")


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)  # the SDK's threads can crash while the interpreter ends
