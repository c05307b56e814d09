"""The parts that are not ours: mongod and Kafka."""

import base64
import os
import shlex
import shutil
import subprocess
import uuid
from pathlib import Path

from deploy.local import jars
from deploy.local.broker import Engine
from deploy.local.part import Part, nothing
from deploy.local.paths import JARS, PROJECT, VENV, venv_program
from deploy.local.plan import Plan
from deploy.local.ports import HOST
from deploy.local.process import StartError
from deploy.local.waiting import port_answers

# A broker that lives for minutes spends more on the optimising compiler than it ever gets back.
JAVA_OPTIONS = "-Xms128m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
LOG_CONFIGURATION = PROJECT / "deploy" / "local" / "kafka" / "log4j2.properties"


def mongo(plan: Plan, name: str = "mongo") -> Part:
    address, port = f"{HOST}:{plan.ports[name]}", plan.ports[name]
    data = plan.data / name
    others = [plan.found_at(it) for it in plan.mongods]
    program = mongod_program()
    command = [
        *(program, "--replSet", "rs0", "--bind_ip", HOST, "--port", str(port), "--dbpath", str(data)),
        *("--wiredTigerCacheSizeGB", os.environ.get("LOCAL_MONGO_CACHE_GB") or "0.25"),
        *("--oplogSize", "512", "--nounixsocket"),
        # One node has nobody to hand over to, so there is nothing to wait for when it is told to stop.
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *plan.mongod_options,
    ]

    def initiate() -> None:
        _run([str(venv_program("python")), "-m", "deploy.local.replica_set", address, *others], name)

    return Part(
        name=name,
        command=tuple(command),
        ports=(name,),
        ready=lambda: port_answers(HOST, port),
        env=dict(os.environ),
        before=lambda: data.mkdir(parents=True, exist_ok=True),
        after=initiate if name == "mongo" else nothing,  # the first one makes all of them a set
        about=f"MongoDB {_mongod_version(program)} (replica set of {plan.members})",
    )


def mongod_program() -> str:
    """`mongod` from the PATH, else the one in the wheel."""
    if found := shutil.which("mongod"):
        return found
    if inside := sorted(VENV.glob("lib/python3*/site-packages/fiftyone/db/bin/mongod")):
        return str(inside[0])
    raise StartError("mongod is neither on the PATH nor in the environment; `make up` sets up first")


def _mongod_version(program: str) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return told.partition("db version v")[2].split("\n")[0] or "?"


def kafka(plan: Plan) -> list[Part]:
    """The brokers; none when they are somebody else's."""
    match plan.broker.engine:
        case Engine.APACHE:
            return [_apache(plan, name) for name in plan.kafkas]
        case Engine.EMBEDDED:
            return [_embedded(plan)]
        case Engine.EXTERNAL:
            return []


def _apache(plan: Plan, name: str) -> Part:
    data, port = plan.data / name, plan.ports[name]
    properties = data / "server.properties"
    java = (
        "java",
        *shlex.split(os.environ.get("LOCAL_KAFKA_JAVA_OPTIONS") or JAVA_OPTIONS),
        f"-Dlog4j2.configurationFile={LOG_CONFIGURATION}",
    )
    java += ("-Djava.awt.headless=true", "-cp", f"{JARS}/*")

    def format_storage() -> None:
        data.mkdir(parents=True, exist_ok=True)
        properties.write_text(_properties(plan, name, data / "log"))
        if not (data / "log" / "meta.properties").exists():
            command = ["kafka.tools.StorageTool", "format", f"--cluster-id={_cluster(plan)}", f"--config={properties}"]
            _run([*java, *command], name)

    return Part(
        name=name,
        command=(*java, "kafka.Kafka", str(properties)),
        ports=(name, f"{name}_controller"),
        ready=lambda: port_answers(HOST, port),
        env=dict(os.environ),
        before=format_storage,
        about=f"Apache Kafka {jars.kafka_version()} (KRaft)",
    )


def _cluster(plan: Plan) -> str:
    """One id for all brokers of a plan."""
    kept = plan.data / "cluster"
    if not kept.exists():
        kept.write_text(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
    return kept.read_text()


def _properties(plan: Plan, name: str, log: Path) -> str:
    port, controller = plan.ports[name], plan.ports[f"{name}_controller"]
    voters = (f"{number}@{HOST}:{plan.ports[f'{it}_controller']}" for number, it in enumerate(plan.kafkas, start=1))
    return f"""\
process.roles=broker,controller
node.id={plan.kafkas.index(name) + 1}
controller.quorum.voters={",".join(voters)}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}
advertised.listeners=PLAINTEXT://{plan.found_at(name)}
log.dirs={log}
# Topics are made by our command, with the partitions and the retention that they need.
auto.create.topics.enable=false
# A group of one broker need not wait for more members to come.
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=6
offsets.topic.replication.factor={plan.brokers}
min.insync.replicas={max(1, plan.brokers - 1)}
transaction.state.log.num.partitions=6
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


def _embedded(plan: Plan) -> Part:
    data, port = plan.data / "kafka", plan.ports["kafka"]
    # The binary itself: its Python front would leave it behind when it is stopped.
    inside = sorted(VENV.glob("lib/python3*/site-packages/noida_db/noida-db"))
    if not inside:
        raise StartError("the embedded Kafka is not in the environment; `make up` sets up first")
    return Part(
        name="kafka",
        command=(str(inside[0]), "start", "--only", "kafka", "--kafka-port", str(port), "--data-dir", str(data)),
        ports=("kafka",),
        ready=lambda: port_answers(HOST, port),
        env=dict(os.environ),
        before=lambda: data.mkdir(parents=True, exist_ok=True),
        about="embedded Kafka (noida-db): for looking around, not for load or kill tests",
    )


def _run(command: list[str], name: str) -> None:
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise StartError(f"{name} could not be prepared: {(ran.stderr or ran.stdout).strip()[-1500:]}")
