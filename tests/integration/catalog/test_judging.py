"""Judging a manifest keeps nobody waiting, and of two manifests nobody has to guess which one counts."""

import asyncio

from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.test_api import ADDONS, Publisher, manifest


async def test_a_manifest_that_takes_long_to_judge_keeps_nobody_waiting(catalog: Catalog) -> None:
    ada = Publisher(catalog)
    judging = asyncio.ensure_future(ada.publish("x", manifest=manifest("slow-one", components=[{}] * 60_000)))
    turns = 0

    while not judging.done():
        await asyncio.sleep(0.001)
        turns += 1

    assert judging.result().json()["slug"] == "manifest-invalid"
    assert turns > 20  # a judge on the event loop leaves one or two


async def test_a_change_with_two_manifests_is_refused(catalog: Catalog) -> None:
    ada = Publisher(catalog)
    await ada.publish("one-of-two")

    body = {"manifest": manifest("one-of-two", name="Other"), "manifest_url": "https://cards.example/manifest.json"}
    answer = await catalog.client.patch(f"{ADDONS}/one-of-two", json=body, headers=ada.headers)

    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request")
    assert "not both" in answer.json()["errors"][0]["message"]
