"""Event enrichment and joins: a package joins its registration and its locations, whichever comes first.

    package_registered ──┐
                         ├─► package: destination + locations by event time ─► queries
    locations_received ──┘

Locations that come first wait for the registration, at most `registration_ttl`; then the workflow gives the package up.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.inbox import Batch, Receipt
    from domain.package_tracker import (
        PACKAGE_TRACKER,
        REGISTER_PACKAGE,
        UPDATE_LOCATION,
        LocationUpdate,
        PackageInfo,
        PackageInput,
        PackageMemory,
        PackageRegistration,
        PackageState,
    )
    from workflows.status import StatusDisplay


@workflow.defn(name=PACKAGE_TRACKER.service)
class PackageTracker:
    """One package, from its first message on.

    Signals: package_registered, locations_received. Queries: info (None until registered), state, receipt.
    """

    @workflow.init
    def __init__(self, start: PackageInput) -> None:
        memory = start.memory or PackageMemory()
        self._package = memory.package
        self._inbox = memory.inbox
        self._give_up_at = memory.give_up_at or workflow.now() + start.plan.registration_ttl
        self._display = StatusDisplay()

    @workflow.run
    async def run(self, start: PackageInput) -> None:
        if not await self._registered_in_time():
            self._show("GIVEN_UP")
            workflow.logger.warning("Package %s is given up: it was not registered in time", start.package_id)
            return
        self._show("REGISTERED")
        await workflow.wait_condition(self._must_continue_as_new)
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._inbox.forget_beyond()
        memory = PackageMemory(package=self._package, inbox=self._inbox, give_up_at=self._give_up_at)
        workflow.continue_as_new(PackageInput(package_id=start.package_id, plan=start.plan, memory=memory))

    async def _registered_in_time(self) -> bool:
        if not self._package.is_registered():
            self._show("WAITING_FOR_REGISTRATION")
        try:
            await workflow.wait_condition(
                lambda: self._package.is_registered() or self._must_continue_as_new(),
                timeout=self._give_up_at - workflow.now(),
                timeout_summary="wait for the registration",
            )
        except TimeoutError:
            return self._package.is_registered()
        return True

    def _must_continue_as_new(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    def _show(self, status: str) -> None:
        self._display.show(status, f"{self._package.received} locations when the status changed.")

    @workflow.signal
    def package_registered(self, batch: Batch[PackageRegistration]) -> None:
        for message in self._inbox.admit(REGISTER_PACKAGE, batch, workflow.now()):
            self._package.register(message.body)
            self._inbox.done(message.id, self._package.receipt(), workflow.now())

    @workflow.signal
    def locations_received(self, batch: Batch[LocationUpdate]) -> None:
        now = workflow.now()
        messages = self._inbox.admit(UPDATE_LOCATION, batch, now)
        for message in messages:
            self._package.locate(message.body)
            if message.id in self._inbox.receipts:  # which records have none of
                self._inbox.done(message.id, self._package.receipt(), now)
        workflow.logger.info("Locations received: %s", ", ".join(message.origin for message in messages))

    @workflow.query
    def info(self) -> PackageInfo | None:
        return self._package.info()

    @workflow.query
    def state(self) -> PackageState:
        return self._package.state(self._give_up_at)

    @workflow.query
    def receipts(self, message_ids: list[str]) -> dict[str, Receipt]:
        return self._inbox.receipts_of(message_ids)
