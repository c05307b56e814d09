"""What the ways of running Souk say about variables, commands, ports and health paths, and where they differ."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic_settings import BaseSettings

from deploy.local import applications, ports
from deploy.local.broker import Broker, Engine
from deploy.local.plan import SERVICES, Plan
from samples.addon.settings import Settings as AddOnSettings
from samples.product.settings import Settings as ProductSettings
from services.auth.settings import AuthSettings
from services.catalog.settings import CatalogSettings
from services.installer.settings import InstallerSettings
from services.notifier.settings import NotifierSettings
from shared.plumbing.service import ROLES
from shared.plumbing.settings import PlatformSettings, ServiceSettings

PROJECT = Path(__file__).parents[2]
CLASSES: dict[str, type[ServiceSettings]] = {
    "auth": AuthSettings,
    "catalog": CatalogSettings,
    "installer": InstallerSettings,
    "notifier": NotifierSettings,
}
INTERPOLATION = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")
SAMPLES = ("mail", "product", "addon")
HEALTH = "http://127.0.0.1:{port}/live"


def variables(settings: type[BaseSettings]) -> set[str]:
    prefix = settings.model_config.get("env_prefix", "")
    return {f"{prefix}{name}".upper() for name in settings.model_fields}


def sample_variables(sample: str) -> set[str]:
    """What the sample really asks its environment for."""
    asked: set[str] = set()

    class Asked(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.add(name)
            return "1" if default is None else default

        def __missing__(self, name: str) -> str:
            asked.add(name)
            return "1"

    if sample == "product":
        ProductSettings.from_env(Asked())
    else:
        AddOnSettings.from_env(Asked())
    return asked


@dataclass(frozen=True)
class Deployment:
    """The files as they are; `dataclasses.replace` doctors one."""

    compose: dict[str, Any]
    example: str
    samples_env: str
    caddyfile: str
    dockerfile: str
    local: Mapping[str, Mapping[str, str]]  # part of the local stack -> its environment
    local_source: str = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> Self:
        plan = Plan.make(folder, Broker(Engine.APACHE, ""))
        deploy = PROJECT / "deploy"
        services = {it.name: applications.service_env(plan, it) for it in plan.processes}
        others = {part.name: part.env for part in applications.all_of(plan) if part.name not in services}
        return cls(
            compose=yaml.safe_load((deploy / "docker-compose.yml").read_text()),
            example=(deploy / ".env.example").read_text(),
            samples_env=(deploy / "samples.env").read_text(),
            caddyfile=(deploy / "Caddyfile").read_text(),
            dockerfile=(deploy / "Dockerfile").read_text(),
            local=services | others,
            local_source="\n".join(file.read_text() for file in sorted((deploy / "local").glob("*.py"))),
        )

    @property
    def documented(self) -> dict[str, str]:
        """Every variable of .env.example with its value, whether it is commented out or not."""
        return dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=(.*)$", self.example, re.MULTILINE))

    @property
    def for_samples(self) -> dict[str, str]:
        """What samples.env says, its own variables filled in."""
        told = dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", self.samples_env, re.MULTILINE))
        told = {name: value or "filled-in" for name, value in told.items()}
        return {name: INTERPOLATION.sub(lambda found: told[found[1]], value) for name, value in told.items()}

    def environment(self, container: str) -> dict[str, Any]:
        return dict(self.compose["services"][container].get("environment", {}))


def differences(it: Deployment) -> list[str]:
    """Every difference, as a sentence that names the place."""
    checks = (
        *(documentation, containers, interpolations, commands, health, gateway),
        *(samples, samples_file, doors, local_stack, scaling),
    )
    return [difference for check in checks for difference in check(it)]


def documentation(it: Deployment) -> Iterator[str]:
    known = variables(PlatformSettings).union(*(variables(settings) for settings in CLASSES.values()))
    told = {name for name in it.documented if name.startswith(("SOUK_", *(f"{one.upper()}_" for one in SERVICES)))}
    told = {name for name in told if not name.endswith("_UPSTREAMS")} - {"SOUK_ROLE"}
    yield from (f".env.example lacks {name}" for name in sorted(known - told))
    yield from (f".env.example tells {name}, which no settings class has" for name in sorted(told - known))
    every: list[type[BaseSettings]] = [PlatformSettings, *CLASSES.values()]
    for settings in every:
        prefix = settings.model_config.get("env_prefix", "")
        for name, info in settings.model_fields.items():
            variable = f"{prefix}{name}".upper()
            if "Secret" in str(info.annotation) and it.documented.get(variable) and "URL" not in variable:
                yield f".env.example gives {variable} a value, and it is a secret"


def containers(it: Deployment) -> Iterator[str]:
    for name, settings in CLASSES.items():
        known = variables(PlatformSettings) | variables(settings)
        for container in (name, f"{name}-worker"):
            given = set(it.environment(container))
            yield from (f"{container} in compose is not given {one}" for one in sorted(known - given))
            yield from (f"{container} in compose is given {one}, which it does not read" for one in given - known)
        for use in ("HTTP_PORT", "INTERNAL_PORT"):
            default = settings.model_fields[use.lower()].default
            for where, value in (
                ("compose", it.environment(name).get(f"{name.upper()}_{use}")),
                ("the local stack", it.local[name].get(f"{name.upper()}_{use}")),
                (".env.example", it.documented.get(f"{name.upper()}_{use}")),
            ):
                if str(value) != str(default):
                    yield f"{name.upper()}_{use} is {value} in {where}, and {default} in the settings"


def interpolations(it: Deployment) -> Iterator[str]:
    for variable, kind, default in INTERPOLATION.findall(str(it.compose)):
        if variable not in it.documented:
            yield f"compose reads {variable}, which .env.example does not tell"
        elif kind == "-" and default != (it.documented[variable] or default):
            yield f"compose takes {default} for {variable}, .env.example says {it.documented[variable]}"
        elif kind == "?" and it.documented[variable]:
            yield f"compose demands {variable}, and .env.example has a value for it"


def commands(it: Deployment) -> Iterator[str]:
    if 'exec python -m \\"services.$SERVICE\\"' not in it.dockerfile:
        yield "the Dockerfile does not run services.$SERVICE"
    for name, container in it.compose["services"].items():
        service = container.get("build", {}).get("args", {}).get("SERVICE")
        if service is None:
            continue
        if not (PROJECT / "requirements" / f"{service}.txt").exists():
            yield f"{name} in compose is built as {service}, which has no requirements"
        match container["command"]:
            case ["serve", "--role", role]:
                if INTERPOLATION.sub(lambda found: found[3], role) not in ROLES:
                    yield f"{name} in compose has the role {role}"
            case ["topics"]:
                pass
            case [sample] if service == "samples" and (PROJECT / sample.replace(".", "/") / "__main__.py").exists():
                pass
            case other:
                yield f"{name} in compose runs {' '.join(other)}, which no command line knows"


def health(it: Deployment) -> Iterator[str]:
    for name, settings in CLASSES.items():
        expected = HEALTH.format(port=settings.model_fields["internal_port"].default)
        if f"'{expected}'" not in it.compose["services"][name]["healthcheck"]["test"][-1]:
            yield f"{name} in compose is not asked for its health at {expected}"
    for path in ("/ready", "/live"):
        if f'{path}"' not in it.local_source:
            yield f"the local stack does not ask for {path}"


def gateway(it: Deployment) -> Iterator[str]:
    asked = set(re.findall(r"\{\$([A-Z_]+)", it.caddyfile))
    in_compose, here = set(it.environment("gateway")), set(it.local["gateway"])
    yield from (f"the Caddyfile reads {one}, compose does not give it" for one in sorted(asked - in_compose))
    yield from (f"the Caddyfile reads {one}, the local stack does not give it" for one in sorted(asked - here))
    yield from (
        f"compose gives the gateway {one}, the Caddyfile does not read it" for one in sorted(in_compose - asked)
    )
    yield from (f"the Caddyfile reads {one}, .env.example does not tell it" for one in asked - set(it.documented))
    for name, settings in CLASSES.items():
        upstream = f"{name}:{settings.model_fields['http_port'].default}"
        if it.documented.get(f"{name.upper()}_UPSTREAMS") != upstream:
            yield f"the gateway finds {name} not at {upstream}"


def samples(it: Deployment) -> Iterator[str]:
    for sample in ("product", "addon"):
        known = sample_variables(sample)
        for where, given in (("compose", it.environment(sample)), ("the local stack", it.local[sample])):
            wrong = {name for name in given if name.startswith("SAMPLE_")} - known
            yield from (f"{where} gives the sample {sample} {name}, which it does not read" for name in sorted(wrong))


def samples_file(it: Deployment) -> Iterator[str]:
    told = it.for_samples
    undocumented = sorted(set(told) - set(it.documented))
    yield from (f"samples.env tells {one}, which .env.example does not" for one in undocumented)
    product, addon = (it.environment(one)[f"SAMPLE_{one.upper()}_PUBLIC_URL"] for one in ("product", "addon"))
    allowed = ",".join(url.removeprefix("http://") for url in (addon, product))
    if told["SOUK_OUTGOING_ALLOW"] != allowed:
        yield f"samples.env allows calls to {told['SOUK_OUTGOING_ALLOW']}, the samples are at {allowed}"
    if (issuer := json.loads(told["AUTH_PROVIDERS"])[0]["issuer"]) != product:
        yield f"samples.env has the issuer {issuer}, the product is {product}"
    if told["NOTIFIER_SMTP_HOST"] not in it.compose["services"]:
        yield f"samples.env sends mails to {told['NOTIFIER_SMTP_HOST']}, which is not in compose"
    support = "NOTIFIER_SITE_SUPPORT_EMAIL"
    if told.get(support) != it.local["notifier"][support]:
        yield f"samples.env has the support {told.get(support)}, the local stack {it.local['notifier'][support]}"


def doors(it: Deployment) -> Iterator[str]:
    """The gateway is the one way in; the samples run when they are asked for, and are seen on this machine only."""
    for name, container in it.compose["services"].items():
        wanted = ["samples"] if name in SAMPLES else ["workers"] if name.endswith("-worker") else []
        if container.get("profiles", []) != wanted:
            yield f"{name} in compose has the profiles {container.get('profiles', [])}, not {wanted}"
        for port in container.get("ports", ()):
            if name != "gateway" and not port.startswith("127.0.0.1:"):
                yield f"{name} in compose is open to other machines at {port}"


def local_stack(it: Deployment) -> Iterator[str]:
    for name, settings in CLASSES.items():
        known = variables(PlatformSettings) | variables(settings)
        prefixes = ("SOUK_", *(f"{one.upper()}_" for one in SERVICES))
        given = {one for one in it.local[name] if one.startswith(prefixes)}
        yield from (f"the local stack gives {name} {one}, which it does not read" for one in sorted(given - known))
    told = {name: value for name, value in it.documented.items() if name.startswith("LOCAL_")}
    expected = {ports.setting(name): str(port) for name, port in ports.DEFAULTS.items()}
    yield from (
        f".env.example says {one}={told.get(one)}, not {port}"
        for one, port in expected.items()
        if told.get(one) != port
    )
    read = set(re.findall(r'"(LOCAL_[A-Z_]+)"', it.local_source)) | set(expected)
    yield from (f".env.example lacks {one}" for one in sorted(read - set(told)))
    yield from (f".env.example tells {one}, which nothing reads" for one in sorted(set(told) - read))


def scaling(it: Deployment) -> Iterator[str]:
    for name in SERVICES:
        fixed = {"ports", "container_name"} & set(it.compose["services"][name])
        yield from (f"{name} in compose cannot be scaled: it has {one}" for one in sorted(fixed))
