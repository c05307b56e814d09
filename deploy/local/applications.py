"""The parts that are ours: services, samples, the mail sink, the gateway; and what each is told by its environment."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping

from deploy.local import keys, web
from deploy.local.environment import program
from deploy.local.part import Part
from deploy.local.paths import PROJECT, venv_program
from deploy.local.plan import SERVICES, Plan, Process
from deploy.local.ports import HOST
from deploy.local.waiting import port_answers, url_status

OK = 200
# People look at a local stack: what takes a minute in production takes seconds here, and help has an address. What the
# environment says wins.
_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    # Everybody here comes from 127.0.0.1, which limits against abuse take for one visitor.
    "auth": {"AUTH_NETWORK_REQUESTS_PER_MINUTE": "10000", "AUTH_MAILS_PER_HOUR": "100"},
    "notifier": {
        "NOTIFIER_NOTICE_AFTER_SECONDS": "5",
        "NOTIFIER_CLEAR_AFTER_SECONDS": "5",
        # Without one, every page that leads to help would say that there is nobody to ask.
        "NOTIFIER_SITE_SUPPORT_EMAIL": "support@acme.example",
    },
    "installer": {"INSTALLER_BREAKER_FIRST_PROBE": "PT5S", "INSTALLER_BREAKER_PROBE_INTERVAL": "PT10S"},
}
PROVIDER, CLIENT = "acme", "souk"  # what the sample product and auth call each other
SECRETS: Mapping[str, Callable[[], str]] = {
    "AUTH_MASTER_KEY": keys.key_256,
    "INSTALLER_MASTER_KEY": keys.key_256,
    "MAIL_SEALING_KEY": keys.key_256,  # auth seals with it, notifier opens
    "OIDC_CLIENT_SECRET": keys.token,
    "DIRECTORY_TOKEN": keys.token,
}


def all_of(plan: Plan) -> list[Part]:
    return [
        mail_sink(plan),
        *(service(plan, process) for process in plan.processes),
        product(plan),
        addon(plan),
        gateway(plan),
    ]


def python() -> str:
    return str(venv_program("python"))


def service(plan: Plan, process: Process) -> Part:
    ports = [f"{process.name}_internal"] if process.role == "worker" else [process.name, f"{process.name}_internal"]
    internal = plan.url(f"{process.name}_internal")
    return Part(
        name=process.name,
        command=(python(), "-m", f"services.{process.service}", "serve", "--role", process.role),
        ports=tuple(ports),
        ready=lambda: url_status(f"{internal}/ready") == OK,
        gets_on=lambda: url_status(f"{internal}/live") == OK,
        env=service_env(plan, process),
        about=f"service, role {process.role}",
    )


def service_env(plan: Plan, process: Process) -> dict[str, str]:
    """The whole environment of one process: the platform's settings, its own, and no other service's secrets."""
    name, prefix = process.service, process.service.upper()
    own = {
        f"{prefix}_HTTP_HOST": HOST,
        f"{prefix}_HTTP_PORT": str(plan.ports[process.name]),
        f"{prefix}_INTERNAL_HOST": HOST,
        f"{prefix}_INTERNAL_PORT": str(plan.ports[f"{process.name}_internal"]),
        f"{prefix}_MONGO_DATABASE": f"souk_{name}",
    }
    return dict(_DEFAULTS.get(name, {})) | _inherited() | _platform(plan) | own | _OWN[name](plan) | plan.env


def _platform(plan: Plan) -> dict[str, str]:
    reachable = [f"{host}:{plan.ports[name]}" for name in ("product", "addon") for host in ("localhost", HOST)]
    auth = plan.upstreams("auth").split()[0]
    return {
        "SOUK_PUBLIC_URL": plan.public_url,
        "SOUK_MONGO_URL": plan.mongo_url,
        "SOUK_KAFKA_BOOTSTRAP_SERVERS": plan.kafka,
        "SOUK_USERS_JWKS_URL": f"http://{auth}/.well-known/souk/users.jwks.json",
        "SOUK_OUTGOING_ALLOW": ",".join(reachable),
    }


def _auth(plan: Plan) -> dict[str, str]:
    secrets = stack_secrets(plan)
    provider = {
        "id": PROVIDER,
        "label": "Acme",
        "issuer": f"http://localhost:{plan.ports['product']}",
        "client_id": CLIENT,
        "client_secret": secrets["OIDC_CLIENT_SECRET"],
        "product": PROVIDER,
        "region": "eu",
        "regions": ["global", "us", "uk", "au"],
        "trusted_email": True,
        "second_factor_amr": ["mfa"],
        "create_workspace_url": f"http://localhost:{plan.ports['product']}/",
        "directory_token": secrets["DIRECTORY_TOKEN"],
    }
    return {
        "AUTH_MASTER_KEY": secrets["AUTH_MASTER_KEY"],
        "AUTH_SEALING_KEY": secrets["MAIL_SEALING_KEY"],
        "AUTH_PROVIDERS": json.dumps([provider]),
    }


def _installer(plan: Plan) -> dict[str, str]:
    return {"INSTALLER_MASTER_KEY": stack_secrets(plan)["INSTALLER_MASTER_KEY"]}


def _notifier(plan: Plan) -> dict[str, str]:
    return {
        "NOTIFIER_SEALING_KEY": stack_secrets(plan)["MAIL_SEALING_KEY"],
        "NOTIFIER_SMTP_HOST": HOST,
        "NOTIFIER_SMTP_PORT": str(plan.ports["smtp"]),
        "NOTIFIER_SMTP_SECURITY": "none",  # the sink is on this machine
        "NOTIFIER_MAIL_FROM": "Souk <no-reply@souk.example>",
    }


_OWN: Mapping[str, Callable[[Plan], dict[str, str]]] = {
    "auth": _auth,
    "catalog": lambda _: {},
    "installer": _installer,
    "notifier": _notifier,
}


def mail_sink(plan: Plan) -> Part:
    smtp, http = plan.ports["smtp"], plan.ports["mail"]
    return Part(
        name="mail",
        command=(
            *(python(), "-m", "deploy.local.mail_sink"),
            *("--smtp-port", str(smtp), "--http-port", str(http), "--folder", str(plan.data / "mail")),
        ),
        ports=("smtp", "mail"),
        ready=lambda: port_answers(HOST, smtp) and url_status(f"{plan.url('mail')}/api/messages") == OK,
        env=_inherited() | plan.env,
        about=f"SMTP sink; its mails are at {plan.mail_url}",
    )


def product(plan: Plan) -> Part:
    url, secrets = f"http://localhost:{plan.ports['product']}", stack_secrets(plan)
    own = {
        "SAMPLE_PRODUCT_HOST": HOST,
        "SAMPLE_PRODUCT_PORT": str(plan.ports["product"]),
        "SAMPLE_PRODUCT_PUBLIC_URL": url,
        "SAMPLE_PRODUCT_SOUK_URL": plan.public_url,
        "SAMPLE_PRODUCT_PROVIDER_ID": PROVIDER,
        "SAMPLE_PRODUCT_CLIENT_ID": CLIENT,
        "SAMPLE_PRODUCT_CLIENT_SECRET": secrets["OIDC_CLIENT_SECRET"],
        "SAMPLE_PRODUCT_DIRECTORY_TOKEN": secrets["DIRECTORY_TOKEN"],
        "SAMPLE_PRODUCT_DATA_DIR": str(plan.data / "product"),
    }
    return Part(
        name="product",
        command=(python(), "-m", "samples.product"),
        ports=("product",),
        ready=lambda: url_status(f"{plan.url('product')}/healthz") == OK,
        env=_inherited() | own | plan.env,
        about=f"sample product, {url}",
    )


def addon(plan: Plan) -> Part:
    url = f"http://localhost:{plan.ports['addon']}"
    own = {
        "SAMPLE_ADDON_HOST": HOST,
        "SAMPLE_ADDON_PORT": str(plan.ports["addon"]),
        "SAMPLE_ADDON_CONTROL_PORT": str(plan.ports["addon_control"]),
        "SAMPLE_ADDON_PUBLIC_URL": url,
        "SAMPLE_ADDON_MARKETPLACE_URL": plan.public_url,
        "SAMPLE_ADDON_DATA_DIR": str(plan.data / "addon"),
    }
    return Part(
        name="addon",
        command=(python(), "-m", "samples.addon"),
        ports=("addon", "addon_control"),
        ready=lambda: url_status(f"{plan.url('addon_control')}/healthz") == OK,
        env=_inherited() | own | plan.env,
        about=f"sample add-on, {url}",
    )


def gateway(plan: Plan) -> Part:
    caddy = program("caddy")
    upstreams = {f"{name.upper()}_UPSTREAMS": plan.upstreams(name) for name in SERVICES}
    own = upstreams | {
        "SOUK_PUBLIC_URL": plan.public_url,
        "GATEWAY_BIND": HOST,
        "GATEWAY_PORT": str(plan.ports["gateway"]),
        "GATEWAY_TRUSTED_PROXIES": "",
        "GATEWAY_MAX_BODY": "1000000",
        "GATEWAY_MAX_PLAIN_BODY": "64000",
        "GATEWAY_MAX_DIRECTORY_BODY": "3000000",
        "GATEWAY_WEB_ROOT": str(web.BUILT),
        # Caddy keeps nothing of worth here, but would write to the home folder.
        "XDG_DATA_HOME": str(plan.data / "caddy"),
        "XDG_CONFIG_HOME": str(plan.data / "caddy"),
    }
    return Part(
        name="gateway",
        command=(caddy, "run", "--config", str(PROJECT / "deploy" / "Caddyfile"), "--adapter", "caddyfile"),
        ports=("gateway",),
        ready=lambda: port_answers(HOST, plan.ports["gateway"]),
        env=_inherited() | own | plan.env,
        about=f"Caddy {_caddy_version(caddy)}, {plan.public_url}",
    )


def _caddy_version(caddy: str) -> str:
    told = subprocess.run([caddy, "version"], capture_output=True, text=True, check=False).stdout.split()
    return told[0] if told else "?"


def stack_secrets(plan: Plan) -> dict[str, str]:
    return keys.ensure(plan.folder / "secrets.env", SECRETS)


def _inherited() -> dict[str, str]:
    """Our own environment, for settings that the person gives by hand; loopback never goes through a proxy."""
    return {**os.environ, "NO_PROXY": f"{HOST},localhost", "no_proxy": f"{HOST},localhost", "PYTHONUNBUFFERED": "1"}
