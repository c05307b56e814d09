"""The notifier, put together."""

from datetime import timedelta

from services.notifier import store
from services.notifier.access import Access
from services.notifier.api import live_router
from services.notifier.api_downstream import downstream_router
from services.notifier.api_notices import notice_router
from services.notifier.api_site import site_router
from services.notifier.checks import Checks
from services.notifier.digests import Digests
from services.notifier.feed_store import FeedStore
from services.notifier.handlers import Health, InstallationEvents, MailOrders, Notices
from services.notifier.live import Hub
from services.notifier.mail import Writer
from services.notifier.mail_store import MailStore
from services.notifier.measures import Measures
from services.notifier.notice_store import NoticeStore
from services.notifier.notices import render
from services.notifier.outages import Patience
from services.notifier.postman import Postman
from services.notifier.settings import NotifierSettings
from services.notifier.smtp import MailServer
from services.notifier.streams import Streams
from services.notifier.views import Site
from services.notifier.watchman import Watchman
from shared.contracts import topics
from shared.contracts.auth import SendMail
from shared.contracts.installer import (
    AddOnHealthChanged,
    AddOnInstalled,
    AddOnUninstalled,
    InstallFailed,
    InstallRequested,
)
from shared.contracts.notifier import MaintenanceNoticeCleared, MaintenanceNoticeRaised
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.dead_letters_api import dead_letter_router
from shared.plumbing.dead_letters_desk import DeadLetterDesk
from shared.plumbing.http import create_api
from shared.plumbing.mongo import connect
from shared.plumbing.outcomes import Subscription
from shared.plumbing.producer import Producer
from shared.plumbing.sealing import Sealer
from shared.plumbing.service import Service
from shared.plumbing.settings import PlatformSettings
from shared.plumbing.state_relay import StateRelay
from shared.plumbing.user_tokens import UserTokens

NAME = "notifier"
EVENTS = (InstallRequested, AddOnInstalled, InstallFailed, AddOnUninstalled)
NOTICES = (MaintenanceNoticeRaised, MaintenanceNoticeCleared)
# People watch these arrive.
SOON = 0.05


def build(platform: PlatformSettings, settings: NotifierSettings) -> Service:
    """Wire the service; nothing connects yet."""
    client = connect(platform.mongo_url.get_secret_value(), app_name=f"souk-{NAME}")
    database = client[settings.mongo_database]
    clock = DatabaseClock(client)
    producer = Producer(platform.kafka_bootstrap_servers, f"souk-{NAME}")
    users = UserTokens(platform, database, clock)

    accounts, workspaces = store.accounts(database), store.workspaces(database)
    addons, installations = store.addons(database), store.installations(database)
    views, feedback = store.Views(database), store.FeedbackStore(database)
    mails, notices, feed = MailStore(database), NoticeStore(database), FeedStore(database)
    states = StateRelay(notices.notices, render, producer, clock)

    site = Site(
        product_name=settings.site_product_name,
        logo_url=settings.site_logo_url,
        support_email=settings.site_support_email,
        support_url=settings.site_support_url,
    )
    writer = Writer(
        product=site.product_name,
        public_url=platform.public_url,
        sender=settings.mail_from,
        support=site.support_url or site.support_email,
        logo=site.logo_url,
    )
    postman = Postman(
        mails=mails,
        views=views,
        writer=writer,
        sealer=Sealer(settings.sealing_key.get_secret_value()),
        server=MailServer(settings),
        clock=clock,
        connections=settings.smtp_connections,
    )
    digests = Digests(mails, clock, postman.bell, every=timedelta(seconds=settings.digest_every_seconds))
    watchman = Watchman(notices=notices, mails=mails, views=views, states=states, clock=clock, postman=postman.bell)
    patience = Patience(
        timedelta(seconds=settings.notice_after_seconds), timedelta(seconds=settings.clear_after_seconds)
    )
    orders = MailOrders(mails, clock, postman.bell)
    events = InstallationEvents(
        feed, mails, clock, digests=digests.bell, digest_wait=timedelta(seconds=settings.digest_wait_seconds)
    )
    own_notices = Notices(feed, clock)
    health = Health(notices, patience, watchman.bell)

    hub = Hub(feed, views, most=settings.streams, most_per_user=settings.streams_per_user)
    streams = Streams(feed, views, hub, clock, send_seconds=settings.stream_send_seconds)
    subscriptions = (
        Subscription(topics.INSTALLER_INSTALLATIONS, EVENTS, events.on_events, rest=SOON),
        Subscription(installations.topic, installations.messages, installations.apply, rest=SOON),
        Subscription(topics.AUTH_MAIL, (SendMail,), orders.on_send_mail),
        *(Subscription(one.topic, one.messages, one.apply) for one in (accounts, workspaces, addons)),
        Subscription(topics.INSTALLER_ADDON_HEALTH, (AddOnHealthChanged,), health.on_health),
        Subscription(topics.NOTIFIER_NOTICES, NOTICES, own_notices.on_notices),
    )
    letters = DeadLetters(database["dead_letters"], clock)
    timers = {"mails": mails.due_mails, "digests": mails.due_digests, "outages": notices.due}
    api = create_api(
        service=NAME,
        title="Souk notifier",
        version="1",
        settings=platform,
        routers=[
            live_router(streams=streams, feed=feed, views=views, notices=notices, access=Access(views), clock=clock),
            downstream_router(feed=feed, views=views, clock=clock),
            notice_router(notices=notices, states=states, mails=mails, views=views, clock=clock),
            site_router(feedback=feedback, site=site, clock=clock, per_hour=settings.feedback_per_hour),
            dead_letter_router(NAME, DeadLetterDesk(NAME, letters, subscriptions)),
        ],
        description="Live updates, the event feed, maintenance notices, mail, feedback.",
    )
    api.state.verifier = users.verifier
    return Service(
        name=NAME,
        platform=platform,
        settings=settings,
        api=api,
        client=client,
        clock=clock,
        producer=producer,
        dead_letters=letters,
        produces=NOTICES,
        measures=(Measures(timers, mails, clock),),
        checks=Checks(timers, mails, clock).all,
        subscriptions=subscriptions,
        projections=(accounts, workspaces, addons, installations),
        states=(states,),
        prepare=(mails.prepare, notices.prepare, feed.prepare, feedback.prepare),
        loops={"user-tokens": users.run, "live": hub.run},
        worker_loops={"postman": postman.run, "digests": digests.run, "watchman": watchman.run},
        stopping=(hub.close,),
    )
