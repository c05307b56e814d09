"""What the machine must bring. All that is missing is told in one message, before anything is set up."""

import ctypes
import importlib.util
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass

from deploy.local import web
from deploy.local.paths import VENV, venv_program

JAVA_MAJOR = 17  # Apache Kafka 4 asks for it


@dataclass(frozen=True)
class Missing:
    """One thing the machine lacks: what for, and the Debian package that brings it, if there is one."""

    what: str
    purpose: str
    package: str = ""


def has_wheel_binaries() -> bool:
    """Whether the wheels that carry mongod, caddy and the embedded Kafka exist for this machine."""
    return platform.system() == "Linux" and platform.machine() == "x86_64"


def java_version() -> str:
    """The version of `java` on the PATH, or an empty string."""
    if not shutil.which("java"):
        return ""
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "([^"]+)"', told.stderr)
    return found.group(1) if found else ""


def java_is_new_enough(version: str) -> bool:
    major = version.partition(".")[0]
    return major.isdigit() and int(major) >= JAVA_MAJOR


def missing(kafka: str) -> list[Missing]:
    """Everything this machine lacks for the local stack with the given LOCAL_KAFKA."""
    lacks = []
    if not venv_program("python").exists() and not (
        importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")
    ):
        lacks.append(Missing("Python's venv module", f"to make {VENV.name}", "python3-venv"))
    if not shutil.which("mongod"):
        if not has_wheel_binaries():
            lacks.append(Missing("mongod on the PATH", "the wheel with MongoDB is for x86-64 Linux only"))
        elif not _loads("libcurl.so.4"):
            lacks.append(Missing("libcurl.so.4", "the MongoDB binary is linked to it", "libcurl4"))
    if not shutil.which("caddy") and not has_wheel_binaries():
        lacks.append(Missing("caddy on the PATH", "the wheel with Caddy is for x86-64 Linux only"))
    if web.node_version() < web.NODE:
        asked = ".".join(map(str, web.NODE))
        lacks.append(Missing(f"Node {asked} or newer, with npm", "it builds the web client", "nodejs npm"))
    if kafka == "apache":
        lacks += missing_for_apache_kafka()
    if kafka == "embedded" and not has_wheel_binaries():
        lacks.append(Missing("x86-64 Linux", "the embedded Kafka is built for it only"))
    return lacks


def missing_for_apache_kafka() -> list[Missing]:
    lacks = []
    if not java_is_new_enough(java_version()):
        lacks.append(Missing(f"Java {JAVA_MAJOR} or newer", "Apache Kafka runs on it", "openjdk-17-jre-headless"))
    if not shutil.which("mvn"):
        lacks.append(Missing("Maven (mvn)", "it fetches the jars of Apache Kafka", "maven"))
    return lacks


def told(lacks: list[Missing]) -> str:
    """One message about all that is missing, with the command that brings it."""
    lines = ["This machine lacks:", *(f"  - {it.what}: {it.purpose}" for it in lacks)]
    if packages := " ".join(it.package for it in lacks if it.package):
        sudo = "" if os.geteuid() == 0 else "sudo "
        lines.append(f"On Debian or Ubuntu: {sudo}apt-get update && {sudo}apt-get install -y {packages}")
    return "\n".join(lines)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
