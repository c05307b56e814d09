"""Auth, put together."""

from datetime import timedelta
from urllib.parse import urlsplit

from services.auth import render, store
from services.auth.accounts.accounts import Accounts
from services.auth.accounts.address import Addresses
from services.auth.accounts.deletion import Deletion
from services.auth.accounts.export import Export, memberships
from services.auth.accounts.links import Links
from services.auth.accounts.mails import Mails
from services.auth.accounts.passwords import Passwords, salt_key
from services.auth.accounts.recovery import Recovery
from services.auth.accounts.store import Users
from services.auth.api import Parts, routers
from services.auth.factors.challenges import Challenges
from services.auth.factors.guesses import Guesses
from services.auth.factors.second_factor import SecondFactors
from services.auth.factors.store import ChallengeStore
from services.auth.handlers import WorkspaceChecks
from services.auth.login.journeys import Journeys
from services.auth.login.oidc import OidcClient
from services.auth.login.own import OwnBrowser
from services.auth.login.product_accounts import ProductAccounts
from services.auth.login.trips import Trips
from services.auth.personal_tokens.personal_tokens import PersonalTokens
from services.auth.security.store import SecurityLog
from services.auth.security.tally import Tally
from services.auth.sessions.desk import Desk
from services.auth.sessions.fresh import Freshness
from services.auth.sessions.keyring import Keyring
from services.auth.sessions.proofs import Proofs
from services.auth.sessions.sessions import Sessions
from services.auth.sessions.store import SessionStore
from services.auth.sessions.store_keys import KeyStore
from services.auth.settings import AuthSettings
from services.auth.tokens import RefreshTokens
from services.auth.web import Browser, Limits
from services.auth.workspaces.directory import Directory
from services.auth.workspaces.invite_mails import InviteMails
from services.auth.workspaces.invites import Invites
from services.auth.workspaces.membership import Membership
from services.auth.workspaces.store import Workspaces
from services.auth.workspaces.store_leaving import Leaving
from shared.contracts import auth, installer, topics
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.dead_letters_desk import DeadLetterDesk
from shared.plumbing.http import create_api
from shared.plumbing.mongo import connect
from shared.plumbing.outbox import OutboxRelay
from shared.plumbing.outcomes import CHAIN, Subscription
from shared.plumbing.outgoing import OutgoingClient
from shared.plumbing.producer import Producer
from shared.plumbing.sealing import Sealer
from shared.plumbing.service import Service
from shared.plumbing.settings import PlatformSettings
from shared.plumbing.state_relay import StateRelay
from shared.plumbing.tokens import TokenVerifier
from shared.plumbing.user_tokens import AUDIENCE

NAME = "auth"
DESCRIPTION = """Accounts, sessions, log-in with the product, workspaces and who administers them.

Programs send an access token as `Authorization: Bearer`. Browsers do the same, and keep the refresh token in the cookie
`__Host-souk_refresh`, which no script reads: they log in with `client: browser`, refresh without a body, and send
`X-Souk-CSRF: 1` on every route that a cookie opens; without it these answer 403 `cross-site-request`. A log-in that
waits for a second factor keeps its challenge in `__Host-souk_challenge` where a product's log-in began it."""
# A directory push may bring ten thousand members with subjects of 255 characters.
MAX_BODY = 3_000_000


def build(platform: PlatformSettings, settings: AuthSettings) -> Service:
    """Wire the service; nothing connects yet."""
    client = connect(platform.mongo_url.get_secret_value(), app_name=f"souk-{NAME}")
    database = client[settings.mongo_database]
    clock = DatabaseClock(client)
    producer = Producer(platform.kafka_bootstrap_servers, f"souk-{NAME}")
    outgoing = OutgoingClient(platform.outgoing_allow, user_agent="souk-auth")
    master = Sealer(settings.master_key.get_secret_value())
    keyring = Keyring(KeyStore(database), master, clock)

    mails = Mails(Sealer(settings.sealing_key.get_secret_value()), platform.public_url)
    user_states = StateRelay(database["users"], render.accounts(mails, clock), producer, clock)
    workspace_states = StateRelay(database["workspaces"], render.workspaces(clock), producer, clock)
    outbox = OutboxRelay(database["users"], producer, clock)
    users = Users(database, clock, user_states, outbox)
    workspace_outbox = OutboxRelay(database["workspaces"], producer, clock)
    workspaces = Workspaces(database, clock, workspace_states, workspace_outbox)
    membership = Membership(users, workspaces, [one.id for one in settings.providers], clock)

    passwords = Passwords(
        memory_kib=settings.password_memory_kib,
        passes=settings.password_passes,
        lanes=settings.password_lanes,
        threads=settings.password_threads,
        queue=settings.password_queue,
        salts=salt_key(settings.master_key.get_secret_value()),
    )
    link_life = timedelta(hours=settings.link_hours)
    links = Links(mails, clock, link_life)
    security = SecurityLog(database, clock)
    tally = Tally(security)
    accounts = Accounts(
        users=users,
        membership=membership,
        passwords=passwords,
        links=links,
        clock=clock,
        tally=tally,
        quiet_seconds=settings.quiet_answer_seconds,
        by_password=settings.local_accounts,
    )
    addresses = Addresses(
        users=users,
        membership=membership,
        mails=mails,
        clock=clock,
        link_life=link_life,
        undo_life=timedelta(days=settings.undo_days),
        quiet_seconds=settings.quiet_answer_seconds,
    )
    recovery = Recovery(
        users=users,
        passwords=passwords,
        mails=mails,
        clock=clock,
        link_life=link_life,
        quiet_seconds=settings.quiet_answer_seconds,
    )
    session_life = timedelta(days=settings.session_days)
    browser = Browser(platform.public_url, int(session_life.total_seconds()))
    grace = timedelta(seconds=settings.refresh_grace_seconds)
    session_store = SessionStore(database, security)
    sessions = Sessions(session_store, clock, life=session_life, grace=grace)
    challenges = Challenges(ChallengeStore(database), clock)
    factors = SecondFactors(users, master, clock, mails, tally, issuer=str(urlsplit(platform.public_url).hostname))
    limits = Limits(settings)
    deletion = Deletion(
        users=users,
        leaving=Leaving(database, workspaces, clock, workspace_states),
        mails=mails,
        clock=clock,
        erasers=(session_store.forget, security.forget),
        token_life=timedelta(seconds=settings.access_token_seconds),
    )
    export = Export(
        {
            "sessions": session_store.all_of,
            "security_log": security.all_of,
            "workspaces": memberships(workspaces),
        }
    )
    desk = Desk(
        users=users,
        sessions=sessions,
        keyring=keyring,
        refresh_tokens=RefreshTokens(settings.master_key.get_secret_value()),
        browser=browser,
        clock=clock,
        challenges=challenges,
        mails=mails,
        issuer=platform.public_url,
        access_life=timedelta(seconds=settings.access_token_seconds),
    )
    invite_mails = InviteMails(
        Sealer(settings.sealing_key.get_secret_value()), platform.public_url, timedelta(days=settings.invite_days)
    )
    invites = Invites(workspaces, users, invite_mails, clock, at_most=settings.open_invites)
    freshness = Freshness(clock, timedelta(seconds=settings.fresh_seconds), users, sessions)
    people = ProductAccounts(
        users,
        membership,
        links,
        clock,
        passwords=settings.local_accounts,
        quiet_seconds=settings.quiet_answer_seconds,
    )
    journeys = Journeys(
        providers=[
            OidcClient(one, f"{platform.public_url}/login/callback/{one.id}", outgoing, clock)
            for one in settings.providers
        ],
        people=people,
        own=OwnBrowser(desk, sessions, users),
        sessions=sessions,
        desk=desk,
        trips=Trips(master, clock),
        browser=browser,
        limits=limits,
        freshness=freshness,
        clock=clock,
        public_url=platform.public_url,
    )
    checks = WorkspaceChecks(users, workspaces, producer, clock)
    subscriptions = (
        Subscription(
            topics.INSTALLER_WORKSPACE_CHECKS,
            (installer.CheckWorkspace,),
            checks.on_checks,
            rest=CHAIN,
        ),
    )
    letters = DeadLetters(database["dead_letters"], clock)
    parts = Parts(
        settings=settings,
        public_url=platform.public_url,
        clock=clock,
        users=users,
        workspaces=workspaces,
        invites=invites,
        accounts=accounts,
        addresses=addresses,
        recovery=recovery,
        deletion=deletion,
        export=export,
        people=people,
        sessions=sessions,
        desk=desk,
        proofs=Proofs(users, passwords, factors, tally, by_password=settings.local_accounts),
        factors=factors,
        challenges=challenges,
        guesses=Guesses(limits, session_store),
        personal_tokens=PersonalTokens(users, clock, mails),
        security=security,
        keyring=keyring,
        directory=Directory(workspaces, users, membership, clock),
        journeys=journeys,
        browser=browser,
        limits=limits,
        dead_letters=DeadLetterDesk(NAME, letters, subscriptions),
    )
    api = create_api(
        service=NAME,
        title="Souk auth",
        version="1",
        settings=platform,
        routers=routers(parts),
        max_body=MAX_BODY,
        description=DESCRIPTION,
    )
    api.state.verifier = TokenVerifier(keyring.published, platform.public_url, AUDIENCE, clock.now)
    api.state.freshness = freshness
    api.state.local_accounts = settings.local_accounts
    return Service(
        name=NAME,
        platform=platform,
        settings=settings,
        api=api,
        client=client,
        clock=clock,
        producer=producer,
        dead_letters=letters,
        produces=(
            auth.UserRegistered,
            auth.UserVerified,
            auth.TwoFactorChanged,
            auth.AccountChanged,
            auth.WorkspaceChanged,
            auth.SendMail,
            auth.WorkspaceChecked,
        ),
        subscriptions=subscriptions,
        outboxes=(outbox, workspace_outbox),
        states=(user_states, workspace_states),
        prepare=(lambda: store.prepare(database), keyring.prepare),
        loops={"signing-keys": keyring.run, "tally": tally.run},
        worker_loops={
            "membership-sweep": membership.sweep,
            "erasing-sweep": deletion.sweep,
            "invite-sweep": invites.sweep,
        },
        close=(tally.flush, outgoing.close, passwords.close),
    )
