"""What docker-compose.yml promises, checked without an engine."""

import re
from typing import Any

import pytest
import yaml

from api.server import DRAIN_DELAY
from infra.payload_keys import key_ring
from infra.settings import Settings
from tests.compose import COMPOSE, ROOT, SERVICES, environment_of, interpolated, starting_order

ONE_SHOT = {"temporal-schema", "temporal-namespace", "topics", "migrate"}
MONITORING = {name for name, service in SERVICES.items() if service.get("profiles") == ["monitoring"]}
WITHOUT_A_SHELL = {"collector", "jaeger"}
"""Their images have nothing to run a check with: Prometheus scrapes them."""
LONG_RUNNING = sorted(SERVICES.keys() - ONE_SHOT - WITHOUT_A_SHELL)
OURS = ("gateway", "migrate", "workers")
OF_LIBRARIES = {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "OTEL_EXPORTER_OTLP_ENDPOINT"}

GIVEN = {
    "CARD_TOKEN_KEY": "0123456789abcdef",
    "PATTERNS_DB_PASSWORD": "of-ours",
    "PAYLOAD_KEYS": f"first:{'0f' * 32}",
    "POSTGRES_PASSWORD": "of-all",
    "TEMPORAL_DB_PASSWORD": "of-temporal",
}
"""What compose requires."""


def settings_of(service: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("CARD_TOKEN_KEY", raising=False)
    for name, value in environment_of(service, environment).items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.mark.parametrize("service", sorted(SERVICES))
class TestEveryService:
    def test_has_an_image_with_an_exact_tag(self, service: str) -> None:
        name, _, tag = SERVICES[service]["image"].partition(":")
        if service in OURS:
            assert (name, tag) == ("durable-patterns", "local")
        else:
            assert re.fullmatch(r"v?\d+(\.\d+)+(@sha256:[0-9a-f]{64})?", tag), f"{name} has the tag {tag!r}"

    def test_publishes_ports_to_this_machine_only(self, service: str) -> None:
        for port in SERVICES[service].get("ports", []):
            assert port.startswith("127.0.0.1:"), port

    def test_has_a_memory_limit(self, service: str) -> None:
        assert SERVICES[service]["deploy"]["resources"]["limits"]["memory"]

    def test_gains_no_privileges_and_keeps_its_logs_small(self, service: str) -> None:
        assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]
        assert SERVICES[service]["logging"] == {"driver": "local"}

    def test_waits_until_what_it_needs_is_healthy_or_done(self, service: str) -> None:
        for needed, how in SERVICES[service].get("depends_on", {}).items():
            done_or_healthy = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how == {"condition": done_or_healthy}, needed

    def test_mounts_only_volumes_and_files_that_exist(self, service: str) -> None:
        for volume in SERVICES[service].get("volumes", []):
            source = interpolated(volume, GIVEN).split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), source
                assert volume.endswith(":ro"), volume
            else:
                assert source in COMPOSE["volumes"], source


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_a_service_that_stays_is_checked_and_restarted(service: str) -> None:
    assert SERVICES[service]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[service]["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", sorted(ONE_SHOT))
def test_a_service_that_ends_is_tried_again_a_few_times(service: str) -> None:
    assert "healthcheck" not in SERVICES[service]
    assert SERVICES[service]["restart"] == "on-failure:5"


def test_dependencies_have_no_cycle_and_begin_with_the_two_stores() -> None:
    first, *_ = starting_order()
    assert set(first) == {"postgresql", "broker"}


def test_images_of_one_product_have_one_version() -> None:
    tags: dict[str, set[str]] = {}
    for service in SERVICES.values():
        name, _, tag = service["image"].partition(":")
        tags.setdefault(name, set()).add(tag)
    assert all(len(versions) == 1 for versions in tags.values()), tags
    assert tags["temporalio/server"] == tags["temporalio/admin-tools"]


@pytest.mark.parametrize("service", OURS)
class TestOurContainers:
    def test_can_write_nothing_but_scratch_and_hold_no_capability(self, service: str) -> None:
        assert SERVICES[service]["read_only"] is True
        assert SERVICES[service]["tmpfs"] == ["/tmp"]
        assert SERVICES[service]["cap_drop"] == ["ALL"]

    def test_are_given_only_variables_that_something_reads(self, service: str) -> None:
        known = {name.upper() for name in Settings.model_fields} | OF_LIBRARIES
        assert SERVICES[service]["environment"].keys() <= known

    def test_start_with_the_required_secrets_given(self, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = settings_of(service, GIVEN, monkeypatch)
        assert settings.database_url == "postgresql+asyncpg://patterns:of-ours@postgresql:5432/patterns"
        assert settings.kafka_clusters["my-cluster"].bootstrap_servers == "broker:29092"
        assert (settings.card_token_key is not None) is (service == "gateway")
        assert settings.stripe_webhook_secret is None
        assert key_ring(settings).newest == "first"


@pytest.mark.parametrize("missing", sorted(GIVEN))
def test_nothing_starts_without_a_secret(missing: str) -> None:
    given = {name: value for name, value in GIVEN.items() if name != missing}
    texts = [text for service in SERVICES.values() for text in service.get("environment", {}).values()]
    with pytest.raises(KeyError, match=missing):
        [interpolated(text, given) for text in texts]


def test_each_service_uses_the_role_that_the_database_made_for_it() -> None:
    made = {name: interpolated(text, GIVEN) for name, text in SERVICES["postgresql"]["environment"].items()}
    assert made == {name: value for name, value in GIVEN.items() if "PASSWORD" in name}
    variables = {"temporal": ("POSTGRES_USER", "POSTGRES_PWD"), "temporal-schema": ("SQL_USER", "SQL_PASSWORD")}
    for service, names in variables.items():
        environment = SERVICES[service]["environment"]
        assert [interpolated(environment[name], GIVEN) for name in names] == ["temporal", "of-temporal"]


def test_the_gateway_listens_where_its_port_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("gateway", GIVEN, monkeypatch)
    assert settings.gateway_host == "0.0.0.0"
    assert interpolated(SERVICES["gateway"]["ports"][0], {}) == f"127.0.0.1:8080:{settings.gateway_port}"


def test_temporal_uses_the_driver_that_halves_the_cpu_of_postgresql() -> None:
    assert SERVICES["temporal"]["environment"]["DB"] == "postgres12_pgx"
    assert SERVICES["temporal-schema"]["environment"]["SQL_PLUGIN"] == "postgres12_pgx"


def test_workers_scale() -> None:
    assert "container_name" not in SERVICES["workers"]
    assert "ports" not in SERVICES["workers"]
    assert SERVICES["workers"]["deploy"]["replicas"] > 1


def test_workers_are_given_longer_to_stop_than_their_activities(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("workers", GIVEN, monkeypatch)
    grace_seconds = float(SERVICES["workers"]["stop_grace_period"].removesuffix("s"))
    assert grace_seconds > settings.graceful_shutdown.total_seconds()


def test_a_gateway_is_given_longer_to_stop_than_it_drains(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("gateway", GIVEN, monkeypatch)
    delay = DRAIN_DELAY if settings.drain_delay is None else settings.drain_delay
    grace_seconds = float(SERVICES["gateway"]["stop_grace_period"].removesuffix("s"))
    assert delay.total_seconds() > 0
    assert grace_seconds > (delay + settings.graceful_shutdown).total_seconds()


@pytest.mark.parametrize("service", ["gateway", "workers"])
def test_our_services_are_checked_for_readiness_where_no_caller_is_in_the_way(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(service, GIVEN, monkeypatch)
    assert settings.health_port
    assert settings.health_port != settings.gateway_port
    assert f"http://127.0.0.1:{settings.health_port}/ready" in SERVICES[service]["healthcheck"]["test"][-1]


def test_clients_reach_the_broker_at_the_addresses_it_advertises() -> None:
    advertised = SERVICES["broker"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert advertised == "INSIDE://broker:29092,OUTSIDE://localhost:9092"
    assert SERVICES["broker"]["ports"] == ["127.0.0.1:9092:9092"]
    assert SERVICES["broker"]["container_name"] == "broker"
    assert SERVICES["topics"]["environment"]["BOOTSTRAP_SERVERS"] == "broker:29092"


class TestMonitoring:
    """The profile `monitoring`."""

    def test_is_a_profile_without_which_nothing_of_it_starts(self) -> None:
        assert {"collector", "jaeger", "prometheus", "grafana"} == MONITORING
        for name in SERVICES.keys() - MONITORING:
            assert not SERVICES[name].get("depends_on", {}).keys() & MONITORING

    def test_prometheus_scrapes_each_process_at_its_port_and_reads_the_rules(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = monitoring("prometheus.yml")
        jobs = {job["job_name"]: job for job in config["scrape_configs"]}
        gateway, workers = (settings_of(name, GIVEN, monkeypatch) for name in ("gateway", "workers"))
        assert jobs["gateway"]["static_configs"] == [{"targets": [f"gateway:{gateway.gateway_port}"]}]
        assert workers.workers_metrics_address is not None
        [found] = jobs["workers"]["dns_sd_configs"]
        assert (found["names"], found["type"]) == (["workers"], "A")
        assert f":{found['port']}" == workers.workers_metrics_address[-5:]
        assert {target.split(":")[0] for target in jobs["traces"]["static_configs"][0]["targets"]} == WITHOUT_A_SHELL
        assert set(config["rule_files"]) | {jobs["gateway"]["authorization"]["credentials_file"]} <= mounted(
            "prometheus"
        )

    def test_grafana_is_given_its_sources_and_boards(self) -> None:
        urls = {source["url"] for source in monitoring("datasources.yml")["datasources"]}
        assert urls == {"http://prometheus:9090", "http://jaeger:16686"}
        [provider] = monitoring("dashboards.yml")["providers"]
        boards = provider["options"]["path"]
        home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        assert {boards, home} <= mounted("grafana")

    def test_the_collector_passes_traces_to_jaeger(self) -> None:
        config = monitoring("collector.yml")
        [exporter] = config["service"]["pipelines"]["traces"]["exporters"]
        assert config["exporters"][exporter]["endpoint"] == "jaeger:4317"
        assert SERVICES["collector"]["command"] == ["--config=/etc/otelcol/collector.yml"]
        assert "/etc/otelcol/collector.yml" in mounted("collector")


def monitoring(file: str) -> Any:
    return yaml.safe_load((ROOT / "deploy/monitoring" / file).read_text())


def mounted(service: str) -> set[str]:
    """The paths in the container that come from this repository; `metrics.key` is written by the operator."""
    paths = {"/etc/durable-patterns/keys/metrics.key"} if service == "prometheus" else set()
    for volume in SERVICES[service]["volumes"]:
        source, target, *_ = volume.split(":")
        if source.startswith("."):
            files = (ROOT / source).rglob("*") if (ROOT / source).is_dir() else []
            paths |= {target, *(f"{target}/{file.relative_to(ROOT / source)}" for file in files)}
    return paths
