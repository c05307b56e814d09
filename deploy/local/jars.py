"""The jars of Apache Kafka: resolved once by Maven, kept in `var/`."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from deploy.local.paths import JARS, PROJECT, SETUP_LOG
from deploy.local.waiting import progress, run_logged

POM = PROJECT / "deploy" / "local" / "kafka" / "pom.xml"
# By its full name, because a prefix would be looked up in repository metadata first.
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
CONNECT_SECONDS = 10
STALL_SECONDS = 60


def present(jars: Path = JARS) -> bool:
    """Whether the folder is complete: the stamp is written last, and names the pom that it was made from."""
    stamp = jars / "complete"
    return stamp.exists() and stamp.read_text() == _pom_hash()


def kafka_version(jars: Path = JARS) -> str:
    found = sorted(jars.glob("kafka-clients-*.jar"))
    return found[0].stem.removeprefix("kafka-clients-") if found else "?"


def resolve(seconds: float, jars: Path = JARS) -> str:
    """Fetch the jars unless they are there. The reason when that failed, else an empty string.

    Gives up when a repository cannot be connected to in 10 s, or after `seconds` in all. What was fetched until then
    stays in Maven's own cache, so the next try goes on from there.
    """
    if present(jars):
        return ""
    jars.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="kafka-jars-", dir=jars.parent))
    command = [
        *("mvn", "--batch-mode", "--strict-checksums", "--file", str(POM), COPY),
        *(f"-DoutputDirectory={fresh}", "-DincludeScope=runtime"),
        # Maven's older transport takes the larger of these two for connecting.
        f"-Daether.connector.connectTimeout={CONNECT_SECONDS * 1000}",
        f"-Daether.connector.requestTimeout={CONNECT_SECONDS * 1000}",
        f"-Dmaven.wagon.rto={STALL_SECONDS * 1000}",
    ]
    try:
        with progress("fetching the jars of Apache Kafka with Maven"):
            failure = run_logged(command, SETUP_LOG, seconds)
        if failure:
            return f"Maven could not resolve the jars: {failure}"
        (fresh / "complete").write_text(_pom_hash())
        shutil.rmtree(jars, ignore_errors=True)
        fresh.rename(jars)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return ""


def _pom_hash() -> str:
    return hashlib.sha256(POM.read_bytes()).hexdigest()
