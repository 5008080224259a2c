"""One scene per pattern: what it sends, and what it expects."""

from collections.abc import Awaitable, Callable

from devstack.demo.stage import Stage
from devstack.servers import CLUSTER
from domain.booking import BOOKING
from domain.fan_out import FAN_OUT
from domain.message_queue import MESSAGE_QUEUE
from domain.package_tracker import PACKAGE_TRACKER
from domain.payment_tracker import PAYMENT_TRACKER
from domain.user_feed import USER_FEED

Scene = Callable[[Stage], Awaitable[None]]

# So short that the demo's failures, reminders and moderation fit into a minute.
SETTINGS = {"REMINDER_INTERVAL": "PT2S", "MODERATION_POLL_INTERVAL": "PT1S", "SIMULATED_WORK": "PT0.5S"}


async def message_queue(stage: Stage) -> None:
    """Send a task twice. It runs once, two seconds later."""
    task = {"kind": "heavy_work", "payload": {"report": "monthly"}}
    send = f"POST /{MESSAGE_QUEUE.service}/runTask/send?delay=2s"
    once = {"Idempotency-Key": "monthly-report"}
    stage.step("Send a task that is to run in 2 s.")
    first = await stage.call(send, task, headers=once, status=202, fields={"status": "Accepted"})
    invocation = first.body["invocationId"]
    stage.step("Send it again with the same idempotency key: it is the same task.")
    again = {"status": "PreviouslyAccepted", "invocationId": invocation}
    await stage.call(send, task, headers=once, status=202, fields=again)
    stage.step("It waits in the queue. Ask what it is doing, then wait for its outcome.")
    await stage.call(f"GET /invocations/{invocation}", fields={"invocationId": invocation, "finishedAt": None})
    await stage.call(f"GET /invocations/{invocation}/attach", fields={"result": "DONE"})
    await stage.call(f"GET /invocations/{invocation}", fields={"status": "COMPLETED"})


def _trip(card: str) -> dict[str, object]:
    return {
        "flights": {"flightId": "12345", "passengerName": "John Doe"},
        "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
        "paymentInfo": {"cardNumber": card, "amount": 1500},
    }


async def booking(stage: Stage) -> None:
    """A declined card undoes flight and car; another card books the trip."""
    stage.step("Book a trip with a card that is declined: flight and car are undone, in reverse.")
    failed = await stage.call(
        f"POST /{BOOKING.service}/trip12/run",
        _trip("4111111111111111"),
        status=409,
        fields={"detail": "Failed to reserve the trip: 👻 Payment could not be accepted!. Ran 3 compensations."},
    )
    stage.expect(
        "undone",
        [each["name"] for each in failed.body["compensations"] if each["status"] == "DONE"],
        ["refund payment", "cancel car", "cancel flight"],
    )
    stage.step("Book another trip with a card that is accepted.")
    await stage.call(f"POST /{BOOKING.service}/trip13/run", _trip("4242424242424242"), fields={"tripId": "trip13"})


async def payment_tracker(stage: Stage) -> None:
    """A failed payment is reminded of three times and escalated, until it succeeds."""
    event = {
        "type": "customer.subscription_created",
        "created": 1633025000,
        "data": {"id": "evt_1JH2Y4F2eZvKYlo2C8b9", "customer": "cus_J5K2Y4F2eZvKYlo2"},
    }
    invoice = f"/{PAYMENT_TRACKER.service}/invoice123"
    stage.step("Report a failed payment: a reminder now, then one every 2 s (by default every day).")
    await stage.call(f"POST {invoice}/onPaymentFailure", event)
    await stage.until(invoice, {"remindersSent": 3, "status": "ESCALATED", "paid": False})
    stage.step("Report the payment: the invoice is closed, and its ticket too.")
    await stage.call(f"POST {invoice}/onPaymentSuccess", event)
    await stage.until(invoice, {"status": "PAID", "paid": True, "remindersSent": 3})


async def fan_out(stage: Stage) -> None:
    """Four subtasks run concurrently, and are gathered in order."""
    stage.step("Split a job into four subtasks, run them in parallel, gather what they return.")
    await stage.call(
        f"POST /{FAN_OUT.service}/run",
        {"description": "get out of bed,shower,make coffee,have breakfast"},
        fields={"description": "get out of bed: DONE, shower: DONE, make coffee: DONE, have breakfast: DONE"},
    )


async def _subscribe(stage: Stage, topic: str, sink: str) -> None:
    stage.step(f"Subscribe {sink} to the topic {topic}.")
    body = {
        "source": f"kafka://{CLUSTER}/{topic}",
        "sink": f"service://{sink}",
        "options": {"auto.offset.reset": "earliest"},
    }
    await stage.call("POST /subscriptions", body, status=201)


async def user_feed(stage: Stage) -> None:
    """Posts of two users on one partition: in order for each, and neither user waits for the other."""
    topic = "social-media-posts"
    await _subscribe(stage, topic, f"{USER_FEED.service}/processPost")
    stage.step("Publish three posts of two users. Each is moderated before it is in the feed.")
    first, second = "Hi! This is my first post!", "Hi! This is my second post!"
    await stage.produce(
        topic,
        ("userid1", {"content": first, "metadata": "public"}),
        ("userid2", {"content": first, "metadata": "public"}),
        ("userid1", {"content": second, "metadata": "public"}),
    )
    await stage.until(f"/{USER_FEED.service}/userid1", {"published": 2, "queued": 0})
    await stage.until(f"/{USER_FEED.service}/userid2", {"published": 1, "queued": 0})


async def package_tracker(stage: Stage) -> None:
    """A location that comes before its package is registered waits for it."""
    topic = "package-location-updates"
    package = f"/{PACKAGE_TRACKER.service}/package1"
    paris = {"timestamp": "2024-10-10 13:00", "location": "Pinetree Road 5, Paris"}
    brussels = {"timestamp": "2024-10-10 14:00", "location": "Mountain Road 155, Brussels"}
    await _subscribe(stage, topic, f"{PACKAGE_TRACKER.service}/updateLocation")
    stage.step("A location comes before the package is registered: it waits.")
    await stage.produce(topic, ("package1", paris))
    await stage.until(f"{package}/getPackageInfo", {"type": "urn:problem:package-not-registered"}, status=404)
    stage.step("Register the package: the two meet. A second location follows.")
    destination = {"finalDestination": "Bridge 6, Amsterdam"}
    await stage.call(f"POST {package}/registerPackage", destination)
    await stage.produce(topic, ("package1", brussels))
    info = {**destination, "locations": [paris, brussels]}
    joined = await stage.until(f"{package}/getPackageInfo", info)
    stage.expect("package1", joined.body, info)
    posted = await stage.call(f"POST {package}/getPackageInfo", {})
    stage.expect("package1, asked by POST", posted.body, info)


SCENES: dict[str, Scene] = {
    "(Delayed) message queue": message_queue,
    "Saga": booking,
    "Scheduling tasks": payment_tracker,
    "Parallelizing work": fan_out,
    "Transactional event processing": user_feed,
    "Event enrichment, joins": package_tracker,
}
