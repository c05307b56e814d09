"""Export `requirements/*.txt`: every version pinned and hashed, no address and no absolute path in them.

What a service installs is shared/pyproject.toml plus its own list, at the versions of requirements/dev.txt.
"""

import subprocess
import sys

from deploy.local.paths import PROJECT, VAR
from deploy.local.plan import SERVICES
from deploy.local.process import StartError

UV = "uv==0.13.9"
TOOLS = VAR / "tools"
OPTIONS = ("--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate")
SHARED = "shared/pyproject.toml"
DEV = "requirements/dev.txt"


def main() -> None:
    uv = _uv()
    services = {name: (SHARED, f"services/{name}/pyproject.toml") for name in SERVICES}
    samples = "samples/pyproject.toml"
    own = [path for _, path in services.values()]
    _run(uv, "pip", "compile", *OPTIONS, "--group", "dev", SHARED, *own, samples, "--output-file", DEV)
    for name, sources in {**services, "samples": (samples,)}.items():
        _run(uv, "pip", "compile", *OPTIONS, "-c", DEV, *sources, "--output-file", f"requirements/{name}.txt")


def _uv() -> str:
    """An own uv of a fixed version, because a newer one may write the same facts otherwise."""
    uv = TOOLS / "bin" / "uv"
    if (
        not uv.exists()
        or UV.replace("==", " ")
        not in subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    ):
        _run(sys.executable, "-m", "venv", "--clear", str(TOOLS))
        _run(str(TOOLS / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", UV)
    return str(uv)


def _run(*command: str) -> None:
    if subprocess.run(command, cwd=PROJECT, check=False).returncode:
        raise StartError(f"this failed: {' '.join(command)}")


if __name__ == "__main__":
    try:
        main()
    except StartError as error:
        sys.exit(str(error))
