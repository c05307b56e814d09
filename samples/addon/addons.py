"""The add-ons of this process: the one at `/`, and any number of others at `/x/<name>`, each with its own key."""

import re
from dataclasses import dataclass, field

import aiohttp
import structlog

from samples.addon.calls import CallLog
from samples.addon.installs import Installs
from samples.addon.modes import Behaviours
from samples.addon.settings import Settings
from samples.addon.tokens import PublishedKeys, Verifier

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
MAX_ADDONS = 1000

log = structlog.get_logger()


@dataclass(frozen=True)
class AddOn:
    name: str
    key: str
    base_url: str
    behaviours: Behaviours = field(default_factory=Behaviours)
    calls: CallLog = field(default_factory=CallLog)


class AddOns:
    """What all add-ons of the process share, and the add-ons themselves, made when they are first asked for."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession, installs: Installs) -> None:
        self.http = http
        self.installs = installs
        self.verifier = Verifier(PublishedKeys(http, settings.marketplace_url), settings.expected_issuer)
        self._settings = settings
        self._addons: dict[str, AddOn] = {"": AddOn("", settings.key, settings.public_url)}

    def named(self, name: str) -> AddOn | None:
        if name not in self._addons:
            if not NAME.fullmatch(name) or len(self._addons) >= MAX_ADDONS:
                return None
            self._addons[name] = AddOn(name, f"{self._settings.key}-{name}", f"{self._settings.public_url}/x/{name}")
            log.info("addon_added", addon=name)
        return self._addons[name]
