"""The installer, put together."""

import secrets
from collections.abc import Mapping
from functools import partial

from services.installer.addons.addresses import address_book
from services.installer.addons.keys import AddOnKeys
from services.installer.addons.listings import AddOns
from services.installer.addons.rotation_store import RotationStore
from services.installer.delivery.announcing import Announcer
from services.installer.delivery.caller import Caller
from services.installer.delivery.departures import Departures
from services.installer.delivery.health import Health
from services.installer.delivery.prepared import Signer
from services.installer.delivery.retiring import Retiring
from services.installer.delivery.rotations import Rotations
from services.installer.delivery.rounds import Rounds
from services.installer.delivery.slots import Slots
from services.installer.delivery.surroundings import Lookout
from services.installer.delivery.watchdog import Watchdog
from services.installer.delivery.worker import Worker
from services.installer.handlers import CheckHandler
from services.installer.known import Known
from services.installer.operating import api as operating_api
from services.installer.operating.checks import Checks
from services.installer.operating.measures import Measures
from services.installer.operating.overview_store import OverviewStore
from services.installer.saga.decide import Saga
from services.installer.saga.events import NOT_IN_STATE, health_state, installation_state
from services.installer.settings import InstallerSettings
from services.installer.store import InstallationStore
from services.installer.web.routes import routers
from services.installer.web.showing import SIDE_OF_WAITING
from shared.contracts import installer, topics
from shared.contracts.auth import WorkspaceChecked
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.consumer import group_id
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.dead_letters_api import dead_letter_router
from shared.plumbing.dead_letters_desk import DeadLetterDesk
from shared.plumbing.groups import Groups
from shared.plumbing.http import create_api
from shared.plumbing.mongo import connect
from shared.plumbing.outbox import OutboxRelay
from shared.plumbing.outcomes import CHAIN, Subscription
from shared.plumbing.outgoing import OutgoingClient
from shared.plumbing.producer import Producer
from shared.plumbing.sealing import Sealer
from shared.plumbing.service import Loop, Service
from shared.plumbing.settings import PlatformSettings
from shared.plumbing.state_relay import StateRelay
from shared.plumbing.user_tokens import UserTokens

NAME = "installer"
PRODUCES = (
    installer.InstallRequested,
    installer.AddOnInstalled,
    installer.InstallFailed,
    installer.AddOnUninstalled,
    installer.InstallationChanged,
    installer.CheckWorkspace,
    installer.AddOnHealthChanged,
)


def build(platform: PlatformSettings, settings: InstallerSettings) -> Service:
    """Wire the service; nothing connects yet."""
    client = connect(platform.mongo_url.get_secret_value(), app_name=f"souk-{NAME}")
    database = client[settings.mongo_database]
    clock = DatabaseClock(client)
    producer = Producer(platform.kafka_bootstrap_servers, f"souk-{NAME}")
    users = UserTokens(platform, database, clock)
    outgoing = OutgoingClient(platform.outgoing_allow, user_agent="souk-installer")

    known = Known(database)
    sealer = Sealer(settings.master_key.get_secret_value())
    keys, rotations = AddOnKeys(database, sealer, clock), RotationStore(database, sealer, clock)
    addresses = address_book(platform.public_url, settings.api_url, settings.backend_url, settings.region_urls)
    signer = Signer(settings.token_issuer, addresses)

    store = InstallationStore(
        database,
        Saga(settings),
        clock,
        history_retention=settings.history_retention,
        delivery_retention=settings.delivery_retention,
    )
    outbox = OutboxRelay(store.collection, producer, clock, on_sent=store.clear_sent)
    states = StateRelay(store.collection, installation_state, producer, clock, without=NOT_IN_STATE, clearing=store)
    store.connect(Announcer(outbox, states))
    health = Health(database["addon_health"], known.notices.collection, settings, clock)
    breakers = StateRelay(health.collection, health_state, producer, clock)
    health.connect(breakers)

    owner, slots = secrets.token_hex(8), Slots(settings, opened=False)
    addons = AddOns(known.addons.collection, store, keys)
    caller = Caller(outgoing, signer, keys, clock, deadline=settings.call_deadline)
    lookout = Lookout(store, addons, health, clock, owner=owner, slots=slots, lease=settings.lease)
    worker = Worker(store, lookout, health, caller, settings, clock=clock, owner=owner, slots=slots)
    rounds = Rounds(worker, store, addons, health, caller, slots=slots, settings=settings, clock=clock)
    answers = CheckHandler(store, lookout, worker)

    subscriptions = (
        Subscription(topics.AUTH_WORKSPACE_CHECKS, (WorkspaceChecked,), answers, rest=CHAIN),
        *(Subscription(one.topic, one.messages, one.apply) for one in known.all),
    )
    letters = DeadLetters(database["dead_letters"], clock)
    groups = Groups(platform.kafka_bootstrap_servers, {group_id(NAME, one): one.topic.name for one in subscriptions})
    overview = OverviewStore(database, store, clock, SIDE_OF_WAITING)
    api = create_api(
        service=NAME,
        title="Souk installer",
        version="1",
        settings=platform,
        routers=[
            *routers(
                *(store, known, health),
                addons=addons,
                keys=keys,
                rotations=rotations,
                signer=signer,
                clock=clock,
                changes_per_minute=settings.changes_per_minute,
            ),
            operating_api.router(
                *(overview, clock),
                letters=letters,
                outboxes=(outbox,),
                states=(states, breakers),
                groups=groups,
            ),
            dead_letter_router(NAME, DeadLetterDesk(NAME, letters, subscriptions)),
        ],
        description="Installations: where an add-on can go, asking for it, watching it, undoing it.",
    )
    api.state.verifier = users.verifier
    worker_loops: Mapping[str, Loop] = {  # the first end last: no call begins after those under way were waited for
        "health-counts": health.run_counts,
        "leases": worker.run_leases,
        "due": rounds.run_due,
        "attending": rounds.run_attending,
        "retiring-keys": Retiring(keys, store).run,
        "rotations": Rotations(rotations, store, worker, clock).run,
        "departures": Departures(known, store, worker).run,
        "watchdog": Watchdog(store).run,
    }
    return Service(
        name=NAME,
        platform=platform,
        settings=settings,
        api=api,
        client=client,
        clock=clock,
        producer=producer,
        dead_letters=letters,
        produces=PRODUCES,
        subscriptions=subscriptions,
        projections=known.all,
        outboxes=(outbox,),
        states=(states, breakers),
        prepare=(store.prepare, keys.prepare, health.prepare),
        loops={"user-tokens": users.run, "health": health.run_looks},
        worker_loops=worker_loops,
        measures=(Measures(overview, clock),),
        checks=Checks(overview, clock, partial(known.addons.rebuild, platform.kafka_bootstrap_servers)).all,
        close=(outgoing.close,),
    )
