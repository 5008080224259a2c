"""The composition root of a worker process: every downstream system, made once, closed once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from temporalio.client import Client

from activities.booking import CarRentals, Flights, Payments
from activities.delivery import Mailbox
from activities.fan_out import Subtasks
from activities.message_queue import Http, Work
from activities.payment_tracker import Billing, Mail
from activities.subscription import Ingress
from activities.user_feed import Moderation, Posts
from infra.airline import SimulatedAirline
from infra.billing import BillingRecords
from infra.card_network import SimulatedCardNetwork
from infra.database import Database
from infra.http_sender import HttpSender
from infra.mail import open_mail
from infra.moderation import SimulatedModeration
from infra.posts import PostStore
from infra.rental_cars import SimulatedRentalCompany
from infra.settings import Settings
from infra.work import SimulatedSubtasks, SimulatedWork
from workers.kafka.ingress import KafkaIngress
from workers.mailbox import EntityMailbox
from workflows.entities import entities


@dataclass(frozen=True)
class Systems:
    """What activities need, by port."""

    flights: Flights
    cars: CarRentals
    payments: Payments
    billing: Billing
    mail: Mail
    posts: Posts
    moderation: Moderation
    subtasks: Subtasks
    work: Work
    http: Http
    mailbox: Mailbox
    ingress: Ingress


@asynccontextmanager
async def open_systems(settings: Settings, client: Client) -> AsyncIterator[Systems]:
    """Open the database and whatever else the settings name."""
    database = Database(settings.database_url)
    http = HttpSender(settings.http_task_allowed_hosts)
    services = entities(settings.reminder_plan, settings.moderation_plan, settings.package_plan)
    try:
        yield Systems(
            flights=SimulatedAirline(database),
            cars=SimulatedRentalCompany(database),
            payments=SimulatedCardNetwork(database),
            billing=BillingRecords(database),
            mail=open_mail(database, settings.smtp_url, settings.mail_from),
            posts=PostStore(database),
            moderation=SimulatedModeration(database),
            subtasks=SimulatedSubtasks(settings.simulated_work),
            work=SimulatedWork(settings.simulated_work, database),
            http=http,
            mailbox=EntityMailbox(client, services),
            ingress=KafkaIngress(client, settings.kafka_clusters, services, settings.kafka_epoch),
        )
    finally:
        await http.aclose()
        await database.close()
