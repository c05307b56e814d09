"""The demo's story is a test as well: told to its end, whichever service dies in its middle."""

from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from deploy.local.demo.__main__ import world_of
from deploy.local.demo.story import PUBLISHER, Story
from deploy.local.demo.watch import TopicWatcher
from deploy.local.stack import Stack

SERVICES = ("auth", "catalog", "installer", "notifier")


@pytest.mark.slow
@pytest.mark.apache
def test_the_story_ends_the_same_although_every_service_is_killed_in_it(killable: Stack) -> None:
    steps: list[str] = []
    deaths: list[Future[None]] = []

    def die(service: str) -> None:
        killable.kill(service)
        killable.start(service)

    with ThreadPoolExecutor(1) as undertaker, TopicWatcher(killable.plan.kafka, lambda _: None) as topics:

        def tell(step: str) -> None:
            """After each step somebody else dies, while the next step is under way."""
            deaths.append(undertaker.submit(die, SERVICES[len(steps) % len(SERVICES)]))
            steps.append(step)

        story = Story(world_of(killable), topics, tell)
        try:
            story.play()
        finally:
            story.close()
        for death in deaths:
            death.result()

    listing = httpx.get(f"{killable.plan.public_url}/api/catalog/v1/addons/souk-sample-timesheets-{story.run}").json()
    assert (listing["short_text"], listing["publisher_name"]) == ("The timesheets sample", PUBLISHER)
    assert len(steps) >= 10
    assert "uninstalled" in steps[-1]
