"""The six services in Restate's idiom, doing the same work as ours against the same simulated systems.

Steps with an effect are `ctx.run_typed`, waiting is `ctx.sleep` or a delayed send, state is the object's own.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import restate
from restate.exceptions import TerminalError
from restate.serde import PydanticJsonSerde

from benchmarks.restate.systems import Systems
from domain.booking import CarReservation, Charge, FlightReservation, Payment, TripConfirmation, TripRequest
from domain.errors import BusinessFailure, Refusal
from domain.fan_out import Job, JobResult
from domain.message_queue import Task, WorkDone
from domain.package_tracker import LocationReceipt, LocationUpdate, Package, PackageInfo, PackageRegistration
from domain.payment_tracker import PaymentEvent, Reminder, Ticket
from domain.user_feed import Draft, PostOutcome, PostStatus, SocialMediaPost, Verdict

CONFLICT, NOT_FOUND = 409, 404
Undo = tuple[str, Callable[[str], Awaitable[None]], str]
"""A name, what undoes the step, and the key to undo it by."""


def services(systems: Systems) -> list[Any]:
    """Make every service on these systems."""
    return [
        async_task_worker(systems),
        booking_workflow(systems),
        payment_tracker(systems),
        fan_out_worker(systems),
        user_feed(systems),
        package_tracker(),
    ]


def async_task_worker(systems: Systems) -> restate.Service:
    """The work is the whole handler: its result is recorded with the invocation, so it needs no step of its own."""
    service = restate.Service("AsyncTaskWorker")

    @service.handler("runTask")
    async def run_task(ctx: restate.Context, task: Task) -> WorkDone:
        result = await systems.work.do(ctx.request().id, task.payload)
        return WorkDone(result=result, payload=task.payload)

    return service


def booking_workflow(systems: Systems) -> restate.Workflow:
    """Undos in a list, each registered before its step, run in reverse on a terminal error."""
    flow = restate.Workflow("BookingWorkflow")

    @flow.main("run")
    async def run(ctx: restate.WorkflowContext, trip: TripRequest) -> TripConfirmation:
        undos: list[Undo] = []
        try:
            return await book(ctx, trip, undos)
        except TerminalError as error:
            for name, undo, key in reversed(undos):
                await ctx.run_typed(name, undo, key=key)
            message = f"Failed to reserve the trip: {error.message}. Ran {len(undos)} compensations."
            raise TerminalError(message, status_code=CONFLICT) from error

    async def book(ctx: restate.WorkflowContext, trip: TripRequest, undos: list[Undo]) -> TripConfirmation:
        flight_key, car_key, payment_id = (f"{ctx.key()}:{part}" for part in ("flight", "car", "payment"))

        undos.append(("cancel flight", systems.flights.cancel, flight_key))
        flight = FlightReservation(key=flight_key, flight=trip.flights)
        flight_id = await ctx.run_typed("reserve flight", terminally(systems.flights.reserve), request=flight)
        undos.append(("cancel car", systems.cars.cancel, car_key))
        car = CarReservation(key=car_key, car=trip.car)
        car_id = await ctx.run_typed("reserve car", terminally(systems.cars.reserve), request=car)
        undos.append(("refund payment", systems.payments.refund, payment_id))
        last4 = await ctx.run_typed("charge", terminally(charge), request=(payment_id, trip))
        await ctx.run_typed("confirm flight", terminally(systems.flights.confirm), request=flight_key)
        await ctx.run_typed("confirm car", terminally(systems.cars.confirm), request=car_key)
        return TripConfirmation(
            trip_id=ctx.key(),
            flight_reservation_id=flight_id,
            car_reservation_id=car_id,
            payment_id=payment_id,
            amount_cents=trip.payment_info.amount,
            card=f"**** {last4}",
        )

    async def charge(request: tuple[str, TripRequest]) -> str:
        key, trip = request
        card = await systems.vault.tokenize(trip.payment_info.card_number.get_secret_value())
        await systems.payments.charge(
            Charge(key=key, payment=Payment(card=card, amount_cents=trip.payment_info.amount))
        )
        return card.last4

    return flow


def payment_tracker(systems: Systems) -> restate.VirtualObject:
    """A reminder now, and a delayed send to itself for the next one."""
    tracker = restate.VirtualObject("PaymentTracker")
    plan = systems.settings.reminder_plan

    @tracker.handler("onPaymentSuccess")
    async def on_payment_success(ctx: restate.ObjectContext, event: PaymentEvent) -> dict[str, Any]:
        del event
        ctx.set("paid", True)
        await ctx.run_typed("settle", systems.billing.settle, invoice=ctx.key())
        return {"paid": True}

    @tracker.handler("onPaymentFailure")
    async def on_payment_failure(ctx: restate.ObjectContext, event: PaymentEvent) -> dict[str, Any]:
        if await ctx.get("paid", type_hint=bool):
            return {"paid": True}
        sent = await ctx.get("remindersSent", type_hint=int) or 0
        if sent < plan.reminders:
            reminder = Reminder(
                invoice=ctx.key(), number=sent + 1, customer=event.data.customer, event_id=event.data.id
            )
            await ctx.run_typed("send reminder", remind, reminder=reminder)
            ctx.set("remindersSent", sent + 1)
            ctx.object_send(on_payment_failure, key=ctx.key(), arg=event, send_delay=plan.interval)
        else:
            ticket = Ticket(invoice=ctx.key(), customer=event.data.customer, event_id=event.data.id)
            await ctx.run_typed("escalate", systems.billing.open_ticket, ticket=ticket)
        return {"paid": False, "remindersSent": min(sent + 1, plan.reminders)}

    async def remind(reminder: Reminder) -> None:
        if not await systems.billing.is_settled(reminder.invoice):
            await systems.mail.send_reminder(reminder)

    return tracker


def fan_out_worker(systems: Systems) -> restate.Service:
    """A call per subtask, all at once, awaited in order."""
    worker = restate.Service("FanOutWorker")

    @worker.handler("runSubtask")
    async def run_subtask(ctx: restate.Context, subtask: str) -> str:
        return f"{subtask}: {await systems.subtasks.run(ctx.request().id, subtask)}"

    @worker.handler("run")
    async def run(ctx: restate.Context, job: Job) -> JobResult:
        calls = [ctx.service_call(run_subtask, arg=subtask) for subtask in job.subtasks()]
        # They all run already. `restate.gather` looks at every call for every result: 3,000 took 33 s instead of 13 s.
        return JobResult(description=", ".join([await call for call in calls]))

    return worker


def user_feed(systems: Systems) -> restate.VirtualObject:
    """One post of a user after the other: store, ask moderation until it answers, publish."""
    feed = restate.VirtualObject("UserFeed")
    poll_interval = systems.settings.moderation_poll_interval

    @feed.handler("processPost")
    async def process_post(ctx: restate.ObjectContext, post: SocialMediaPost) -> PostOutcome:
        user, post_id = ctx.key(), str(ctx.uuid())
        await ctx.run_typed("create post", systems.posts.create, user=user, drafts=[Draft(id=post_id, post=post)])
        verdict = await moderate(ctx, user, post_id)
        if verdict is Verdict.APPROVED:
            await ctx.run_typed("publish", systems.posts.publish, user=user, post_ids=[post_id])
            return PostOutcome(post_id=post_id, status=PostStatus.PUBLISHED)
        await ctx.run_typed("reject", systems.posts.set_status, post_ids=[post_id], status=PostStatus.REJECTED)
        return PostOutcome(post_id=post_id, status=PostStatus.REJECTED)

    async def moderate(ctx: restate.ObjectContext, user: str, post_id: str) -> Verdict:
        while True:
            verdict = Verdict(await ctx.run_typed("moderation", ask, user=user, post_id=post_id))
            if verdict is not Verdict.PENDING:
                return verdict
            await ctx.sleep(poll_interval)

    async def ask(user: str, post_id: str) -> str:
        return str((await systems.moderation.ask(user, [post_id])).get(post_id, Verdict.PENDING))

    return feed


def package_tracker() -> restate.VirtualObject:
    """The package is the object's state."""
    tracker = restate.VirtualObject("PackageTracker")
    state = PydanticJsonSerde(Package)

    @tracker.handler("registerPackage")
    async def register(ctx: restate.ObjectContext, registration: PackageRegistration) -> LocationReceipt:
        package = await known(ctx)
        package.register(registration)
        ctx.set("package", package, serde=state)
        return package.receipt()

    @tracker.handler("updateLocation")
    async def update_location(ctx: restate.ObjectContext, update: LocationUpdate) -> LocationReceipt:
        package = await known(ctx)
        package.locate(update)
        ctx.set("package", package, serde=state)
        return package.receipt()

    @tracker.handler("getPackageInfo", kind="shared")
    async def get_package_info(ctx: restate.ObjectSharedContext) -> PackageInfo:
        info = (await known(ctx)).info()
        if info is None:
            raise TerminalError(f"Package {ctx.key()} is not registered.", status_code=NOT_FOUND)
        return info

    async def known(ctx: restate.ObjectContext | restate.ObjectSharedContext) -> Package:
        return await ctx.get("package", serde=state) or Package()

    return tracker


def terminally(step: Callable[[Any], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Turn a refusal, which trying again would not change, into Restate's word for it."""

    async def run(request: Any) -> Any:
        try:
            return await step(request)
        except (BusinessFailure, Refusal) as error:
            raise TerminalError(str(error), status_code=CONFLICT) from error

    return run
