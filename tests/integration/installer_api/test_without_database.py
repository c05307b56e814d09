"""While MongoDB is away: 503, in the words of whoever asks."""

import httpx
import pymongo

from services.installer.addons.addresses import address_book
from services.installer.addons.keys import AddOnKeys
from services.installer.addons.listings import AddOns
from services.installer.addons.rotation_store import RotationStore
from services.installer.delivery.prepared import Signer
from services.installer.known import Known
from services.installer.saga.decide import Saga
from services.installer.settings import InstallerSettings
from services.installer.store import InstallationStore
from services.installer.web.routes import routers
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.http import create_api
from shared.plumbing.mongo import connect
from shared.plumbing.sealing import Sealer
from shared.plumbing.settings import PlatformSettings
from tests.integration.installer_api.conftest import MASTER_KEY, FakeAvailability
from tests.users import PUBLIC_URL, bearer, new_id, trust_test_users


async def test_every_route_answers_503_and_says_when_to_repeat(clock: DatabaseClock) -> None:
    away = connect("mongodb://127.0.0.1:1/?replicaSet=rs0", app_name="tests")
    database = away["gone"]
    settings = InstallerSettings(mongo_database="gone", master_key=MASTER_KEY)
    signer = Signer("clockify", address_book(PUBLIC_URL, None, None, {}))
    keys = AddOnKeys(database, Sealer(MASTER_KEY), clock)
    store = InstallationStore(database, Saga(settings), clock)
    platform = PlatformSettings(
        public_url=PUBLIC_URL, mongo_url="mongodb://x", kafka_bootstrap_servers="x", users_jwks_url="http://x"
    )
    api = create_api(
        service="installer",
        title="Souk installer",
        version="1",
        settings=platform,
        routers=routers(
            *(store, Known(database), FakeAvailability()),
            addons=AddOns(database["addons"], store, keys),
            keys=keys,
            rotations=RotationStore(database, Sealer(MASTER_KEY), clock),
            signer=signer,
            clock=clock,
            changes_per_minute=60,
        ),
    )
    trust_test_users(api, clock)
    user = bearer(new_id(), clock.now())
    body = {"workspace_id": new_id(), "addon_key": "timer"}
    path = "/api/installer/v1"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url=PUBLIC_URL) as client:
        requests = [
            client.build_request("POST", f"{path}/installations", json=body, headers={**user, "Idempotency-Key": "k"}),
            client.build_request("GET", f"{path}/installations/{new_id()}", headers=user),
            client.build_request("GET", f"{path}/installations", params={"workspace": new_id()}, headers=user),
            client.build_request("DELETE", f"{path}/installations/{new_id()}", headers=user),
            client.build_request("GET", f"{path}/preflight", params={"addon": "timer"}, headers=user),
            client.build_request("GET", "/.well-known/souk/addons.pem"),
        ]
        answers = []
        for request in requests:
            with pymongo.timeout(0.2):  # else the driver looks for the server as long as an operation may take
                answers.append(await client.send(request))
    await away.close()
    assert [answer.status_code for answer in answers] == [503] * 6
    assert {answer.json()["slug"] for answer in answers} == {"database-unavailable"}
    assert {answer.headers["retry-after"] for answer in answers} == {"2"}
