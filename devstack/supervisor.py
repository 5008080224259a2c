"""Starts processes in stages, notices when one dies, and stops them one by one in reverse order."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Self, TypeVar

from devstack.child import Child, Log, Spec
from devstack.errors import ChildDied
from devstack.watchdog import Watchdog

T = TypeVar("T")


class Supervisor:
    """Runs processes between enter and exit. A stage starts concurrently, once the previous one is ready."""

    def __init__(self, stages: Sequence[Sequence[Spec]], log: Log) -> None:
        self._stages = stages
        self._specs = {spec.name: spec for stage in stages for spec in stage}
        self._log = log
        self._children: dict[str, Child] = {}
        self._deaths: asyncio.Queue[ChildDied] = asyncio.Queue()
        self._watches: set[asyncio.Task[None]] = set()
        self._cleanup = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        self._watchdog = self._cleanup.enter_context(Watchdog())
        try:
            await self.while_alive(self._start_all())
        except BaseException:
            await self._stop_all()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop_all()

    async def start(self, name: str) -> None:
        """Start a process and wait until it is ready. Raises `StackError`."""
        spec = self._specs[name]
        began = time.monotonic()
        child = await Child.start(spec, self._log, self._watchdog)
        self._children[name] = child
        await child.wait_until_ready()
        self._log(name, f"{'done' if spec.ready is None else 'ready'} in {time.monotonic() - began:.1f} s")
        if spec.ready is None:
            del self._children[name]
            return
        watch = asyncio.create_task(self._watch(child))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def stop(self, name: str) -> int:
        """Stop one process the way the whole stack is stopped. Returns its exit code."""
        return await self._children.pop(name).stop()

    async def kill(self, name: str) -> int:
        """Kill one process, as if it crashed. Returns its exit code."""
        child = self._children.pop(name)
        child.kill()
        return await child.exited()

    def crash(self, name: str) -> None:
        """Kill one process as something outside the stack would: its `death` is reported."""
        self._children[name].crash()

    def pause(self, name: str) -> None:
        """Freeze one process until `resume`, as if its machine hung. It can be stopped while it is paused."""
        self._children[name].pause()

    def resume(self, name: str) -> None:
        self._children[name].resume()

    async def restart(self, name: str) -> None:
        await self.stop(name)
        await self.start(name)

    async def death(self) -> ChildDied:
        """Wait until a process ends by itself."""
        return await self._deaths.get()

    async def while_alive(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns. Raises `ChildDied` as soon as a process ends by itself."""
        working = asyncio.ensure_future(work)
        death = asyncio.ensure_future(self.death())
        try:
            await asyncio.wait({working, death}, return_when=asyncio.FIRST_COMPLETED)
            if death.done():
                raise death.result()
            return await working
        finally:
            await _cancel(working, death)

    def pids(self) -> dict[str, int]:
        """The running processes, in the order of the stages."""
        return {name: self._children[name].pid for name in self._specs if name in self._children}

    def kill_all(self) -> None:
        """Kill every process instead of waiting for it to stop."""
        for child in self._children.values():
            child.kill()

    async def _start_all(self) -> None:
        for stage in self._stages:
            starting = [asyncio.create_task(self.start(spec.name)) for spec in stage]
            try:
                await asyncio.gather(*starting)
            finally:
                await _cancel(*starting)

    async def _stop_all(self) -> None:
        with self._cleanup:
            for name in reversed(self.pids()):
                exit_code = await self._children[name].stop()
                self._log(name, f"stopped, exit code {exit_code}")
                del self._children[name]

    async def _watch(self, child: Child) -> None:
        exit_code = await child.exited()
        if not child.stopping:
            self._deaths.put_nowait(child.death(exit_code))


async def _cancel(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
