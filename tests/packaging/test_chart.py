"""What the Helm chart makes of its values: `make chart` runs this, with the defaults and with each example."""

import re
import subprocess
from pathlib import Path

import httpx2
import pytest
import yaml

from api.app import open_gateway
from api.security.authentication import Authentication
from infra.card_network import load_card_token_key
from infra.health_server import health_application
from infra.payload_keys import KeyRing, key_ring
from infra.readiness import Readiness
from infra.settings import Settings
from tests.api.routes.test_operations import calling
from tests.packaging.chart_schema import CHART, OF_LIBRARIES
from tests.packaging.configuration import FIELDS
from tests.packaging.rendered_chart import ROOT, VALUES, Process, Rendered, program, refusal, render, run_helm
from workers.pools import POOLS

SECRETS = {name for name, field in FIELDS.items() if "SecretStr" in str(field.annotation)} | {
    "DATABASE_URL",
    "SMTP_URL",
    "TEMPORAL_API_KEY",
}
PROMETHEUS = yaml.safe_load((ROOT / "deploy/monitoring/prometheus.yml").read_text())
JOBS = {each["job_name"] for each in PROMETHEUS["scrape_configs"]}
"""What rules and boards know processes by."""
SAMPLES = {
    "DATABASE_URL": "postgresql+asyncpg://patterns:secret@db:5432/patterns",
    "PAYLOAD_KEYS": f"first:{'0f' * 32}",
    "CARD_TOKEN_KEY": "0123456789abcdef",
    "TEMPORAL_API_KEY": "a-key",
    "KAFKA_CLUSTERS": '{"my-cluster": "kafka:9092"}',
}
"""What the Secrets of the examples could have."""


@pytest.fixture(scope="module", params=VALUES)
def chart(request: pytest.FixtureRequest) -> Rendered:
    return render(VALUES[request.param])


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def settings_of(process: Process, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a process in this pod."""
    for name in FIELDS:
        monkeypatch.delenv(name, raising=False)
    for name, value in process.settings.items():
        monkeypatch.setenv(name, value)
    for name in process.secrets:
        monkeypatch.setenv(name, SAMPLES[name])
    return Settings()


@pytest.mark.parametrize("values", VALUES)
def test_helm_finds_no_fault(values: str) -> None:
    done = run_helm("lint", "--strict", CHART, values=VALUES[values])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_manifests_are_what_kubernetes_accepts(chart: Rendered, version: str, tmp_path: Path) -> None:
    of_operators = ("keda.sh/", "monitoring.coreos.com/")
    checked = [each for each in chart.manifests if not each["apiVersion"].startswith(of_operators)]
    assert {"Deployment", "Job", "Service", "PodDisruptionBudget", "NetworkPolicy"} <= {e["kind"] for e in checked}
    file = tmp_path / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(checked))
    command = [program("KUBERNETES_VALIDATE"), "--strict", "--kubernetes-version", version, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class TestSettings:
    def test_every_variable_is_a_setting_and_is_there_once(self, chart: Rendered) -> None:
        for process in chart.processes.values():
            names = [each["name"] for each in process.container["env"]]
            assert set(names) <= FIELDS.keys() | OF_LIBRARIES
            assert len(names) == len(set(names))

    def test_gateway_and_workers_start_with_them(self, chart: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
        for process in (chart.gateway, *chart.workers):
            settings = settings_of(process, monkeypatch)
            assert settings.database_url.startswith("postgresql+asyncpg://")
            assert key_ring(settings).newest
            assert settings.log_format == "json"
            assert "TEMPORAL_ADDRESS" in process.settings
        gateway = settings_of(chart.gateway, monkeypatch)
        assert load_card_token_key(gateway)
        assert gateway.gateway_host == "0.0.0.0"
        assert gateway.api_keys_file or gateway.jwt_issuer

    def test_every_file_that_a_setting_names_is_in_a_mounted_secret(self, chart: Rendered) -> None:
        for process in chart.processes.values():
            for name, value in process.settings.items():
                if name.endswith(("_FILE", "_PATH")):
                    assert str(Path(value).parent) in process.folders, name

    def test_no_secret_is_written_into_a_manifest(self, chart: Rendered) -> None:
        assert not chart.of_kind("ConfigMap")
        assert not chart.of_kind("Secret")
        for process in chart.processes.values():
            assert not SECRETS & process.settings.keys()

    def test_a_process_gets_no_secret_that_it_does_not_need(self, chart: Rendered) -> None:
        [migrations] = [each for each in chart.processes.values() if each.component == "migrations"]
        assert migrations.secrets.keys() == {"DATABASE_URL"}
        assert migrations.folders == {}
        for worker in chart.workers:
            assert "CARD_TOKEN_KEY" not in worker.secrets

    def test_the_chart_knows_which_settings_are_secrets(self) -> None:
        template = (CHART / "templates/_environment.tpl").read_text()
        listed = re.search(r'has \$name \(list ((?:"\w+" ?)+)\)', template)
        assert listed
        assert set(re.findall(r"\w+", listed[1])) == SECRETS


class TestPods:
    def test_they_run_what_the_image_has(self, chart: Rendered) -> None:
        commands = {
            "gateway": ["python", "-m", "api"],
            "workers": ["python", "-m", "workers"],
            "migrations": ["python", "-m", "alembic"],
        }
        for process in chart.processes.values():
            assert process.command[:3] == commands[process.component]

    def test_they_have_no_rights_that_they_do_not_need(self, chart: Rendered) -> None:
        user = re.search(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        assert user
        for process in chart.processes.values():
            assert process.pod["automountServiceAccountToken"] is False
            assert process.pod["securityContext"]["runAsNonRoot"] is True
            assert process.pod["securityContext"]["runAsUser"] == int(user[1])
            assert process.pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert process.container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }

    def test_no_service_of_the_namespace_becomes_a_setting(self, chart: Rendered) -> None:
        """A Service named `gateway` would set GATEWAY_PORT to tcp://..."""
        for process in chart.processes.values():
            assert process.pod["enableServiceLinks"] is False

    def test_they_have_longer_to_stop_than_what_is_in_flight(
        self, chart: Rendered, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for process in (chart.gateway, *chart.workers):
            needed = seconds(process.settings.get("DRAIN_DELAY", "0s")) + seconds(process.settings["GRACEFUL_SHUTDOWN"])
            assert process.pod["terminationGracePeriodSeconds"] > needed
            assert settings_of(process, monkeypatch).graceful_shutdown.total_seconds() > 0

    def test_workflows_in_memory_fit_into_the_limit(self, chart: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
        with_workflows = {pool.task_queue for pool in POOLS if pool.workflow}
        for worker in chart.workers:
            limit = worker.container["resources"]["limits"]["memory"]
            mebibytes = int(limit[:-2]) * {"Mi": 1, "Gi": 1024}[limit[-2:]]
            pools = len(with_workflows & set(worker.command[3:]))
            assert 150 + 0.8 * pools * settings_of(worker, monkeypatch).cached_workflows <= mebibytes

    def test_they_are_spread_over_nodes_and_zones(self, chart: Rendered) -> None:
        for process in (chart.gateway, *chart.workers):
            constraints = process.pod["topologySpreadConstraints"]
            assert len(constraints) == 2
            assert all(process.is_selected_by(each["labelSelector"]) for each in constraints)


class TestProbes:
    async def test_the_gateway_answers_them_without_credentials(self, chart: Rendered, tmp_path: Path) -> None:
        settings = Settings(database_url=f"sqlite+aiosqlite:///{tmp_path}/patterns.db")
        async with open_gateway(settings, KeyRing(), Authentication()) as gateway, calling(gateway) as http:
            answers = {probe["path"]: await http.get(probe["path"]) for probe in chart.gateway.probes}
        assert answers["/health"].status_code == 200
        assert answers["/ready"].json()["checks"].keys() == {"temporal", "database"}
        assert len(chart.gateway.probes) == 3

    async def test_workers_answer_them(self, chart: Rendered) -> None:
        answering = httpx2.ASGITransport(health_application(Readiness({}, lambda: False)))
        async with httpx2.AsyncClient(transport=answering, base_url="http://10.0.0.7") as http:
            for worker in chart.workers:
                answers = {probe["path"]: (await http.get(probe["path"])).status_code for probe in worker.probes}
                assert answers == {"/health": 200, "/ready": 200}

    def test_they_ask_where_no_call_is_in_their_way(self, chart: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
        for process in (chart.gateway, *chart.workers):
            settings = settings_of(process, monkeypatch)
            assert (settings.health_host, settings.health_port) == ("0.0.0.0", process.port("health"))
            assert settings.health_port != settings.gateway_port
            assert {probe["port"] for probe in process.probes} == {"health"}
            assert [probe["path"] for probe in process.probes] == ["/health", "/health", "/ready"]


class TestScaling:
    def test_every_pool_is_served_by_one_deployment(self, chart: Rendered) -> None:
        served = [queue for worker in chart.workers for queue in worker.command[3:]]
        assert sorted(served) == sorted(pool.task_queue for pool in POOLS)

    def test_a_deployment_has_replicas_or_an_autoscaler(self, chart: Rendered) -> None:
        scalers = chart.of_kind("HorizontalPodAutoscaler") | chart.of_kind("ScaledObject")
        for process in (chart.gateway, *chart.workers):
            assert ("replicas" in process.manifest["spec"]) is not (process.name in scalers)
        for name, scaler in scalers.items():
            assert scaler["spec"]["scaleTargetRef"]["name"] == name
            assert name in chart.processes

    def test_on_the_backlog_of_its_queues(self) -> None:
        chart = render(VALUES["temporal-cloud"])
        scalers = chart.of_kind("ScaledObject")
        assert len(scalers) == len(chart.workers) - 1  # without the consumers
        [authentication] = chart.of_kind("TriggerAuthentication").values()
        assert authentication["spec"]["secretTargetRef"] == [
            {"parameter": "apiKey", "name": "durable-patterns", "key": "TEMPORAL_API_KEY"}
        ]
        for name, scaler in scalers.items():
            cpu, *queues = scaler["spec"]["triggers"]
            worker = chart.processes[name]
            assert cpu["type"] == "cpu"
            assert [trigger["metadata"]["taskQueue"] for trigger in queues] == worker.command[3:]
            for trigger in queues:
                assert trigger["metadata"]["endpoint"] == worker.settings["TEMPORAL_ADDRESS"]
                assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
                assert all(isinstance(value, str) for value in trigger["metadata"].values())

    def test_on_the_backlog_of_its_build(self) -> None:
        versions = {"WORKER_DEPLOYMENT": "patterns", "WORKER_BUILD_ID": "1.1.0"}
        given = {f"workers.settings.{name}": f'"{value}"' for name, value in versions.items()}
        for scaler in render(VALUES["temporal-cloud"], json=given).of_kind("ScaledObject").values():
            for trigger in scaler["spec"]["triggers"][1:]:
                assert trigger["metadata"]["workerDeploymentName"] == "patterns"
                assert trigger["metadata"]["workerDeploymentBuildId"] == "1.1.0"

    def test_nodes_can_be_drained_one_pod_at_a_time(self, chart: Rendered) -> None:
        budgets = chart.of_kind("PodDisruptionBudget")
        for process in (chart.gateway, *chart.workers):
            assert budgets[process.name]["spec"]["maxUnavailable"] == 1
            assert process.is_selected_by(budgets[process.name]["spec"]["selector"])


class TestMonitors:
    def test_they_scrape_every_pod_where_it_has_metrics(self) -> None:
        chart = render(VALUES["self-hosted"])
        monitors = [each["spec"] for each in chart.of_kind("PodMonitor").values()]
        for process in (chart.gateway, *chart.workers):
            [spec] = [each for each in monitors if process.is_selected_by(each["selector"])]
            [endpoint] = spec["podMetricsEndpoints"]
            assert process.port(endpoint["port"])
            assert process.labels[spec["jobLabel"]] in JOBS
            assert ("authorization" in endpoint) is (process is chart.gateway)

    def test_network_policies_let_them_in(self) -> None:
        policies = render(VALUES["self-hosted"]).of_kind("NetworkPolicy")
        assert all(each["spec"]["ingress"] for each in policies.values())


class TestNetwork:
    def test_the_service_reaches_the_gateway(self, chart: Rendered) -> None:
        [service] = chart.of_kind("Service").values()
        assert service["spec"]["selector"].items() <= chart.gateway.labels.items()
        ports = {port["name"] for port in chart.gateway.container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports

    def test_policies_cover_gateway_and_workers_and_leave_them_what_they_call(self, chart: Rendered) -> None:
        policies = [each["spec"] for each in chart.of_kind("NetworkPolicy").values()]
        for process in (chart.gateway, *chart.workers):
            [policy] = [each for each in policies if process.is_selected_by(each["podSelector"])]
            assert policy["policyTypes"] == ["Ingress", "Egress"]
            open_ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
            assert open_ports >= {53, 5432, 7233, 9092}

    def test_tasks_of_users_reach_no_private_address(self) -> None:
        [workers] = [p["spec"] for name, p in render().of_kind("NetworkPolicy").items() if name.endswith("-workers")]
        [web] = [rule for rule in workers["egress"] if {"port": 443} in rule["ports"]]
        assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(web["to"][0]["ipBlock"]["except"])


def test_the_database_is_migrated_before_anything_is_replaced(chart: Rendered) -> None:
    [job] = chart.of_kind("Job").values()
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["command"][3:] == ["upgrade", "head"]


def test_a_digest_pins_the_image() -> None:
    digest = f"sha256:{'0' * 64}"
    chart = render(json={"image.digest": f'"{digest}"'})
    assert {each.container["image"] for each in chart.processes.values()} == {f"durable-patterns@{digest}"}


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("settings.PAYLOAD_KEYS", '"first:00"', "PAYLOAD_KEYS is a secret"),
        ("settings.MAX_WAIT", "60", "settings.MAX_WAIT|at '/settings/MAX_WAIT'"),
        ("settings.MAX_WIAT", '"1m"', "MAX_WIAT"),
        ("gateway.settings.GATEWAY_PORT", '"80"', "GATEWAY_PORT"),
        ("gateway.replica", "3", "replica"),
        ("secrets.DATABASE_URL", "null", "DATABASE_URL is missing"),
        ("secrets.PAYLOAD_KEYS", "null", "PAYLOAD_KEYS"),
        ("gateway.secrets.CARD_TOKEN_KEY", "null", "CARD_TOKEN_KEY"),
        ("gateway.settings.API_KEYS_FILE", "null", "API_KEYS_FILE or JWT_ISSUER"),
        ("secrets.DATABASE_URL", '"durable-patterns"', "DATABASE_URL"),
        ("workers.autoscaling.kind", '"backlog"', "kind"),
        ("workers.settings.WORKER_DEPLOYMENT", '"patterns"', "WORKER_BUILD_ID"),
        ("podMonitors.gatewayKey", '"a-secret"', "gatewayKey"),
    ],
)
def test_values_that_cannot_work_are_refused(path: str, value: str, reason: str) -> None:
    assert re.search(reason, refusal(json={path: value}))
