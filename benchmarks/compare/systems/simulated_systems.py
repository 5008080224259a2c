"""The simulated systems of a peer's services: the same classes as the workers', over the same kind of database."""

from dataclasses import dataclass
from typing import Self

from pydantic import SecretStr

from infra.airline import SimulatedAirline
from infra.billing import BillingRecords
from infra.card_network import CardVault, SimulatedCardNetwork
from infra.database import Database
from infra.mail import ReminderMail, open_mail
from infra.moderation import SimulatedModeration
from infra.posts import PostStore
from infra.rental_cars import SimulatedRentalCompany
from infra.settings import Settings
from infra.work import SimulatedSubtasks, SimulatedWork


@dataclass(frozen=True)
class SimulatedSystems:
    """What the services call, one object per system."""

    settings: Settings
    flights: SimulatedAirline
    cars: SimulatedRentalCompany
    payments: SimulatedCardNetwork
    vault: CardVault
    billing: BillingRecords
    mail: ReminderMail
    posts: PostStore
    moderation: SimulatedModeration
    subtasks: SimulatedSubtasks
    work: SimulatedWork

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the database; it closes with the process."""
        database = Database(settings.database_url)
        return cls(
            settings=settings,
            flights=SimulatedAirline(database),
            cars=SimulatedRentalCompany(database),
            payments=SimulatedCardNetwork(database),
            vault=CardVault(database, SecretStr("of the benchmark")),
            billing=BillingRecords(database),
            mail=open_mail(database, settings.smtp_url, settings.mail_from),
            posts=PostStore(database),
            moderation=SimulatedModeration(database),
            subtasks=SimulatedSubtasks(settings.simulated_work),
            work=SimulatedWork(settings.simulated_work, database),
        )
