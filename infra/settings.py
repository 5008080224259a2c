"""Configuration, from the environment. Temporal's own comes from its standard `TEMPORAL_*` variables."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.package_tracker import PackagePlan
from domain.payment_tracker import ReminderPlan
from domain.user_feed import ModerationPlan


class Settings(BaseSettings):
    """Every setting of gateway and workers; the variable is the name in capitals, as in `DATABASE_URL`.

    Durations are ISO 8601 (`PT24H`) or seconds.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    database_url: str = "sqlite+aiosqlite:///data/patterns.db"
    kafka_clusters: dict[str, str] = {"my-cluster": "localhost:9092"}
    """Names that subscriptions use, and their bootstrap servers. JSON in the environment."""
    kafka_epoch: str | None = None
    """Tells topics that begin again at offset 0 from those before; by default the topic's own ID does."""
    web_ui_url: str = "http://localhost:8233"

    gateway_host: str = "127.0.0.1"
    gateway_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    max_body_bytes: Annotated[int, Field(gt=0)] = 1024 * 1024

    card_token_key: SecretStr = SecretStr("for development only")
    """Card numbers become tokens under this key: the same number gives the same token."""
    stripe_webhook_secret: SecretStr | None = None
    smtp_url: str | None = None
    """`smtp://user:password@host:port` or `smtps://...`; without it e-mails are logged."""
    mail_from: str = "billing@example.com"
    http_task_allowed_hosts: list[str] = []
    """Hosts that `http_request` tasks may call. JSON in the environment."""

    reminder_interval: timedelta = ReminderPlan().interval
    reminders: int = ReminderPlan().reminders
    moderation_poll_interval: timedelta = ModerationPlan().poll_interval
    moderation_give_up_after: timedelta = ModerationPlan().give_up_after
    registration_ttl: timedelta = PackagePlan().registration_ttl
    simulated_work: timedelta = timedelta(milliseconds=200)
    """How long a simulated unit of work takes at most."""

    workers_metrics_address: str | None = None
    """`host:port` for Prometheus metrics of the Temporal SDK in the worker process."""
    graceful_shutdown: timedelta = timedelta(seconds=20)
    log_format: str = "text"
    """`text` or `json`."""

    @property
    def reminder_plan(self) -> ReminderPlan:
        return ReminderPlan(interval=self.reminder_interval, reminders=self.reminders)

    @property
    def moderation_plan(self) -> ModerationPlan:
        return ModerationPlan(poll_interval=self.moderation_poll_interval, give_up_after=self.moderation_give_up_after)

    @property
    def package_plan(self) -> PackagePlan:
        return PackagePlan(registration_ttl=self.registration_ttl)

    def sqlite_path(self) -> Path | None:
        """The database's file, if it is one."""
        head, _, path = self.database_url.partition(":///")
        return Path(path) if head.startswith("sqlite") and path and path != ":memory:" else None
