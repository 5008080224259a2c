"""The files of Apache Kafka's image, in a container's folder, over the jars of this machine.

The image's own scripts do two things, which those written here do too: they make `server.properties` from the variables
and format the storage, through Kafka's own `KafkaDockerWrapper`, and they run Kafka's Java programs.
"""

import shlex

from devstack.apache_kafka.jars import Jars
from tests.production.replacements import Replacements

_PROGRAMS = {
    "kafka-storage": "kafka.tools.StorageTool",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
}
_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
"""For a machine on which the other servers run too."""
_FOLDERS = ("/opt/kafka/config", "/etc/kafka/docker", "/mnt/shared/config", "/var/lib/kafka/data")
_RUN = """
setup=$(/opt/kafka/bin/kafka-run-class.sh kafka.docker.KafkaDockerWrapper setup \\
    --default-configs-dir /etc/kafka/docker --mounted-configs-dir /mnt/shared/config \\
    --final-configs-dir /opt/kafka/config 2>&1) || grep -i 'already formatted' <<<"$setup" || { echo "$setup"; exit 1; }
exec /opt/kafka/bin/kafka-run-class.sh kafka.Kafka /opt/kafka/config/server.properties
"""


def make_kafka_image(jars: Jars, container: Replacements) -> None:
    for folder in _FOLDERS:
        container.path(folder).mkdir(parents=True)

    def write(path: str, text: str) -> None:
        file = container.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/bash\nset -eu\n{text}\n")
        file.chmod(0o755)

    run_class = container.path("/opt/kafka/bin/kafka-run-class.sh")
    write("/opt/kafka/bin/kafka-run-class.sh", f'exec {shlex.join(jars.java)} {_JVM} ${{KAFKA_HEAP_OPTS-}} "$@"')
    for name, program in _PROGRAMS.items():
        write(f"/opt/kafka/bin/{name}.sh", f'exec {run_class} {program} "$@"')
    write("/etc/kafka/docker/run", container.text(_RUN))
