"""The web client has words of its own for every refusal that it can meet, and for every entry of the security log."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = (ROOT / "web" / "messages" / "en.ts").read_text()
CALL = re.compile(r'api\.(GET|POST|PUT|PATCH|DELETE)\(\s*"([^"]+)"')
ONLY_BY_A_FAULT_OF_THE_CLIENT = {
    *("malformed-json", "malformed-url", "body-too-large", "unsupported-media-type", "scope-missing"),
    *("idempotency-key-invalid", "idempotency-key-missing", "idempotency-key-reused", "not-the-publisher"),
}
RENEWED_AND_REPEATED = {"token-expired", "token-invalid"}


def words_for(part: str) -> set[str]:
    """The keys of one part of the texts."""
    found = re.search(rf"^  {part}: {{\n(.*?)^  }}", TEXTS, re.MULTILINE | re.DOTALL)
    assert found is not None
    return set(re.findall(r'^    "?([a-z_-]+)"?:', found[1], re.MULTILINE))


def refusals() -> set[str]:
    """Slugs below 500 that the operations answer which the client calls; those above have one text for all."""
    sources = (path.read_text() for path in (ROOT / "web" / "src").rglob("*.ts*"))
    called = {(method.lower(), path) for source in sources for method, path in CALL.findall(source)}
    found: set[str] = set()
    for document in (ROOT / "docs" / "openapi").glob("*.json"):
        for path, operations in json.loads(document.read_text())["paths"].items():
            for method, operation in operations.items():
                if (method, path) in called:
                    for status, answer in operation["responses"].items():
                        told = answer.get("content", {}).get("application/problem+json", {})
                        found |= set(told.get("examples", {})) if int(status) < 500 else set()
    return found


def test_every_refusal_has_words() -> None:
    met = refusals()
    assert len(met) > 50, "the client's calls were not found"
    assert met - ONLY_BY_A_FAULT_OF_THE_CLIENT - RENEWED_AND_REPEATED - words_for("problems") == set()


@pytest.mark.parametrize("part", ["problems", "events", "blockers"])
def test_the_parts_are_found(part: str) -> None:
    assert len(words_for(part)) > 5
