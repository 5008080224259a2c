"""Configuration, from the environment. Temporal's own comes from its standard `TEMPORAL_*` variables."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    FilePath,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from domain import formats
from domain.access import DEFAULT_TENANT, valid_tenant
from domain.allowed import ClusterAllowance
from domain.delay import MAX_DELAY
from domain.invoice import ReminderPlan
from domain.package_tracker import PackagePlan
from domain.payload import LARGEST_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES
from domain.plans import Plans
from domain.steps import StepMode
from domain.user_feed import ModerationPlan
from infra.database_engines import Limits, usable_url
from infra.http_secrets import HostText, HttpSecret
from infra.http_sender import DEFAULT_TIMEOUT, MAX_TIMEOUT
from infra.kafka.connection import KafkaCluster
from infra.mail import usable_ca_file, usable_smtp_url


def _within_a_year(duration: timedelta) -> timedelta:
    if duration > MAX_DELAY:
        raise ValueError(f"longer than {MAX_DELAY.days} days")
    return duration


def _is_a_key_source(source: str) -> str:
    url = urlsplit(source)
    if "://" in source and url.scheme != "https" and (url.scheme, url.hostname) not in _LOCAL_SOURCES:
        raise ValueError("write an https URL, or the path of a file")
    if "://" in source and "@" in url.netloc:
        raise ValueError("write the URL without a user and a password: logs have it")
    return source


Duration = Annotated[formats.Duration, AfterValidator(_within_a_year)]
Asymmetric = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
MIN_KEY_LENGTH = 16
"""Characters of a secret under which something is hashed."""
DEPLOYMENT_NAME = r"^[A-Za-z0-9][\w-]{0,199}$"
"""Temporal refuses dots and colons, and names that begin with two underscores."""
_LOCAL_SOURCES = {("http", host) for host in ("localhost", "127.0.0.1", "::1")}


class Settings(BaseSettings):
    """Every setting of gateway and workers; the variable is the name in capitals, as in `DATABASE_URL`.

    Durations are written `1500ms`, `10s`, `5m`, `12h`, `7d` or in ISO 8601 (`PT10S`). The docstrings are what
    `.env.example` says: `make env` writes it.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )

    database_url: Annotated[str, AfterValidator(usable_url), Field(repr=False)] = "sqlite+aiosqlite:///data/patterns.db"
    """SQLAlchemy's URL of the database: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://user:password@host/name`."""
    database_connections: Annotated[int, Field(gt=0), formats.DIGITS] = Limits().connections
    """Connections of one process to PostgreSQL, at most."""
    database_connect_timeout: Annotated[Duration, Field(gt=timedelta(0))] = Limits().connect
    """How long to wait for a connection to PostgreSQL, from the pool or a new one."""
    database_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=5)
    """How long a statement in PostgreSQL may take, and four fifths of that a wait for a lock; a transaction has 1 s
    more. With `DATABASE_CONNECT_TIMEOUT` it should be less than the 10 s of an activity."""
    kafka_clusters: dict[str, KafkaCluster] = {"my-cluster": KafkaCluster.model_validate("localhost:9092")}
    """The Kafka clusters, by the names that subscriptions use. JSON: each is a string of bootstrap servers, or an
    object with security settings (docs/kafka-ingress.md)."""
    kafka_allowed: dict[str, ClusterAllowance] = {
        "my-cluster": ClusterAllowance(topics=("social-media-posts", "package-location-updates"))
    }
    """What subscriptions may name, by cluster; nothing else. JSON: each is a list of topics, or an object that also has
    groups and what single tenants may name; `*` stands for any characters (docs/kafka-ingress.md)."""
    kafka_epoch: str | None = None
    """A new value says that topics of the same name begin again at offset 0; without it the topic's own ID does."""
    kafka_memory_bytes: Annotated[int, Field(ge=1024 * 1024), formats.DIGITS] = 64 * 1024 * 1024
    """What all Kafka consumers of a worker process may hold of records, in bytes of memory (docs/kafka-ingress.md)."""
    web_ui_url: str = "http://localhost:8233"
    """Where browsers find the Temporal Web UI: the gateway's answers link into it."""
    console: bool = True
    """Whether the gateway serves the web console at `/console`. Its files are public; its numbers need credentials."""

    gateway_host: str = "127.0.0.1"
    """The address that the gateway listens on. Any but a loopback address needs API_KEYS_FILE or JWT_ISSUER."""
    gateway_port: Annotated[int, Field(ge=0, le=65535), formats.DIGITS] = 8080
    """The port that the gateway listens on."""
    max_body_bytes: Annotated[int, Field(gt=0), formats.DIGITS] = 1024 * 1024
    """The largest body of a request, in bytes; a larger one is refused with 413."""
    max_payload_bytes: Annotated[int, Field(gt=0, le=LARGEST_PAYLOAD_BYTES), formats.DIGITS] = MAX_PAYLOAD_BYTES
    """The largest request in the form in which Temporal gets it, in bytes of JSON; a larger one is refused with 413, a
    larger result fails at once. More than 2 MiB, up to 3.5 MiB, needs a Temporal server with a higher
    limit.blobSize.error; less bounds requests only."""
    body_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    """How long the whole body of a request may take to arrive."""
    max_wait: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(minutes=1)
    """How long a call waits for an outcome; then it gets a 504 with the ID of the invocation, which goes on."""
    query_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=2)
    """How long the gateway waits for a worker's word on a message to an entity. After it a call that waits gets a 503
    with its ID; of a repeated message the answer may be `Accepted` where `PreviouslyAccepted` is right."""
    max_connections: Annotated[int, Field(gt=0), formats.DIGITS] = 2_000
    """Connections to one gateway process; it allows itself as many open files."""
    keep_alive: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=75)
    """How long an idle connection stays open for its client's next request, in whole seconds. A load balancer must
    close its idle ones sooner, as many do after 60 s: what it sends while the gateway closes gets a 502."""
    max_waiting: Annotated[int, Field(gt=0), formats.DIGITS] | None = None
    """Calls to one gateway process that wait for an outcome, at most; half of MAX_CONNECTIONS by default."""
    caller_rate: Annotated[int, Field(ge=0), formats.DIGITS] | None = None
    """Requests of one caller per second, on average; 0 is no limit. By default 200, on an open gateway no limit. The
    limits of callers are those of one gateway process (docs/security.md)."""
    caller_concurrency: Annotated[int, Field(ge=0), formats.DIGITS] | None = None
    """Requests of one caller at a time, without those that wait for an outcome. By default 100, on an open gateway no
    limit."""
    caller_waiting: Annotated[int, Field(ge=0), formats.DIGITS] | None = None
    """Calls of one caller that wait for an outcome, at a time. By default 250, on an open gateway no limit."""

    drain_delay: Duration | None = None
    """How long the gateway serves on after SIGTERM, while `/ready` says that it drains: until load balancers know. By
    default 5 s, on a loopback address 0. `GRACEFUL_SHUTDOWN` comes after it."""

    api_keys_file: Path | None = None
    """A JSON file of API keys, each with its hash, tenant and roles; read again when it changes. `python -m api keys`
    makes a key and its entry (docs/security.md)."""
    jwt_issuer: str | None = None
    """The issuer (`iss`) of accepted JWTs; needs JWT_AUDIENCE and JWT_JWKS. Without it only API keys count."""
    jwt_audience: str | None = None
    """The audience (`aud`) that a JWT must name."""
    jwt_jwks: Annotated[str, AfterValidator(_is_a_key_source)] | None = None
    """The issuer's public keys, a JWK set: an https URL, or a file."""
    jwt_algorithms: Annotated[list[Asymmetric], Field(min_length=1)] = ["RS256", "ES256"]
    """The algorithms with which JWTs may be signed, asymmetric ones only. JSON."""
    jwt_tenant_claim: str | None = None
    """The claim that names a JWT's tenant, such as `org` or `org.id`; without this setting all JWTs are of the
    default tenant."""
    jwt_roles_claim: str = "roles"
    """The claim with a JWT's roles: a list, or one string with spaces, such as `realm_access.roles` or `scope`."""

    card_token_key: Annotated[SecretStr, Field(min_length=MIN_KEY_LENGTH)] | None = None
    """A random secret, without which the gateway does not start. Card numbers become tokens under this key: the same
    number gives the same token."""
    card_token_key_file: Path | None = None
    """A file with that secret, instead of `CARD_TOKEN_KEY`."""
    payload_encryption: Literal["required", "off"] = "required"
    """`required`: nothing starts without a key. `off`: new payloads are in clear text in Temporal."""
    payload_keys: SecretStr | None = None
    """The keys that encrypt what goes to Temporal, each `ID:64 hexadecimal digits`, separated by commas. The last one
    encrypts, all decrypt (docs/encryption.md)."""
    payload_keys_file: Path | None = None
    """A file with the keys, one per line, instead of `PAYLOAD_KEYS`."""
    stripe_webhook_secret: SecretStr | None = None
    """The signing secret of the Stripe endpoint, `whsec_...`; without it `/webhooks/stripe` answers 404."""
    stripe_livemode: bool | None = None
    """`true` takes Stripe's live events only, `false` its test events only; without it both. Others are ignored."""
    stripe_account: Annotated[str, StringConstraints(pattern=r"^acct_\w+$")] | None = None
    """The connected account whose events Stripe Connect sends here, `acct_...`, or the account in an organization; all
    others are ignored. Without it only the events of the account that has the endpoint count."""
    stripe_webhook_tenant: Annotated[str, AfterValidator(valid_tenant)] = DEFAULT_TENANT
    """The tenant whose invoices Stripe's events are about."""
    smtp_url: Annotated[str | None, AfterValidator(usable_smtp_url), Field(repr=False)] = None
    """`smtp://user:password@host:port` (STARTTLS) or `smtps://...` (TLS from the start); without it e-mails are logged.
    A user and password are sent over TLS only, unless the host is this machine."""
    smtp_ca_file: Annotated[FilePath | None, AfterValidator(usable_ca_file)] = None
    """PEM certificates of the authorities that may have signed the mail server's certificate; the system's by default.
    """
    mail_from: str = "billing@example.com"
    """The sender of reminders."""
    http_task_allowed_hosts: list[HostText] = []
    """Hosts that `http_request` tasks may call. JSON: `"host"` is reached at the ports of http and https and must have
    a public address, `"host:port"` is reached at this port and may be in a private network."""
    http_task_allowed_networks: list[IPvAnyNetwork] = []
    """Networks that are not public, to which allowed hosts without a port may resolve all the same. JSON, as in
    `["10.1.0.0/16"]`."""
    http_task_secrets: dict[str, HttpSecret] = {}
    """Values of headers that `http_request` tasks take by name. JSON, each with the hosts that may get it, and a value
    or a file: `{"PARTNER_TOKEN": {"hosts": ["partner.example"], "file": "/run/secrets/partner"}}`."""
    http_task_timeout: Annotated[Duration, Field(gt=timedelta(0), le=MAX_TIMEOUT)] = DEFAULT_TIMEOUT
    """How long a whole request of an `http_request` task may take, its answer included; at most 9m."""

    steps: StepMode = StepMode.ACTIVITY
    """How the steps of new trips, and the database writes of new invoices and feeds, run. `activity`: each as an
    activity, which the Web UI shows with its times and attempts. `local`: as a local activity, which costs Temporal
    less (docs/economy.md). An execution keeps what it began with."""
    reminder_interval: Duration = ReminderPlan().interval
    """The time between two reminders of a failed payment, and between the last one and the escalation."""
    reminder_min_interval: Duration = ReminderPlan().min_interval
    """How close to the last reminder a further failure can bring the next one, so that retries of a card do not use up
    the reminders. It does not make a shorter `REMINDER_INTERVAL` longer."""
    reminders: Annotated[int, Field(ge=1, le=100), formats.DIGITS] = ReminderPlan().reminders
    """How many reminders there are before support gets a ticket."""
    moderation_poll_interval: Duration = ModerationPlan().poll_interval
    """How often moderation is asked about a post."""
    moderation_give_up_after: Duration = ModerationPlan().give_up_after
    """After this time without a verdict a post waits for a person's review instead."""
    registration_ttl: Duration = PackagePlan().registration_ttl
    """How long locations wait for the registration of their package."""
    simulated_work: Duration = timedelta(milliseconds=200)
    """How long a simulated unit of work takes at most."""

    health_port: Annotated[int, Field(ge=0, le=65535), formats.DIGITS] = 0
    """A port for `/health` and `/ready` alone, of gateway or workers; the gateway's has `/metrics` too, for the same
    credentials. 0 is none: the gateway has them at its other port in any case."""
    health_host: str = "127.0.0.1"
    """The address of that port. Kubernetes asks at the pod's own: 0.0.0.0."""
    worker_deployment: Annotated[str, StringConstraints(pattern=DEPLOYMENT_NAME)] | None = None
    """The name of the workers' deployment in Temporal, with `WORKER_BUILD_ID`: then a trip or a job ends on the build
    on which it began (docs/upgrades.md). Without it every worker does every task."""
    worker_build_id: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    """The build of the workers' code, such as the tag of their image; each has workflows of its own."""
    workers_metrics_address: str | None = None
    """`host:port` where the worker process serves its metrics to Prometheus, those of Temporal's SDK included."""
    cached_workflows: Annotated[int, Field(ge=0), formats.DIGITS] = 1_000
    """Open workflows that a pool keeps in memory, for their next event; all others are replayed from their history. One
    takes up to 0.8 MB, and a worker process has five pools with workflows."""
    graceful_shutdown: Duration = timedelta(seconds=20)
    """How long requests and activities in flight may take to end after SIGTERM, of a gateway after `DRAIN_DELAY`. A
    worker is gone a second later."""
    log_format: Literal["text", "json"] = "text"
    """`text` for people, `json` for log collectors: one object per line."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are logged. `warning` leaves out the access log of the gateway; `debug` adds the
    requests of probes to it. Debug lines of libraries are never logged: they have contents in them."""

    @classmethod
    def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment only: to look for each setting in files too, of which there are none, takes as long again."""
        return sources["init_settings"], sources["env_settings"]

    @model_validator(mode="after")
    def _has_all_of_jwt(self) -> Self:
        given = [self.jwt_issuer, self.jwt_audience, self.jwt_jwks]
        if any(given) and not all(given):
            raise ValueError("JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS go together: set all three, or none")
        return self

    @model_validator(mode="after")
    def _has_all_of_the_version(self) -> Self:
        if (self.worker_deployment is None) != (self.worker_build_id is None):
            raise ValueError("WORKER_DEPLOYMENT and WORKER_BUILD_ID go together: set both, or none")
        return self

    @property
    def max_result_bytes(self) -> int:
        """The largest argument or result of a worker: what workflows carry from run to run has up to 2 MiB."""
        return max(self.max_payload_bytes, MAX_PAYLOAD_BYTES)

    @property
    def database_limits(self) -> Limits:
        return Limits(self.database_connections, self.database_connect_timeout, self.database_timeout)

    @property
    def plans(self) -> Plans:
        return Plans(
            reminders=ReminderPlan(
                interval=self.reminder_interval, min_interval=self.reminder_min_interval, reminders=self.reminders
            ),
            moderation=ModerationPlan(
                poll_interval=self.moderation_poll_interval, give_up_after=self.moderation_give_up_after
            ),
            packages=PackagePlan(registration_ttl=self.registration_ttl),
            steps=self.steps,
        )


def load_settings() -> Settings:
    """Read the environment. Raises `SystemExit` with a line for each variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}".removeprefix(": ")
            for e in error.errors(include_input=False)
        ]
        raise SystemExit("\n".join(lines)) from None
    except SettingsError as error:  # a value that had to be JSON and is not
        field = re.search('field "(.*?)"', str(error))
        raise SystemExit(f"{field[1].upper() if field else error}: it must be JSON") from None
