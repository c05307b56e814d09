"""Making one attempt of a lifecycle call. Besides the manifest probe, the only outgoing HTTP of the installer."""

import time
from datetime import timedelta

import structlog

from services.installer.addons.keys import AddOnKeys
from services.installer.delivery import answers
from services.installer.delivery.prepared import Signer
from services.installer.domain import Installation
from services.installer.saga.inputs import Answer
from shared.plumbing import failpoints, tracing
from shared.plumbing.clock import Clock
from shared.plumbing.outgoing import OutgoingClient, OutgoingError

log = structlog.get_logger()

_MAX_ANSWER = 64 * 1024


class LeaseOverError(Exception):
    """The lease ended before the first byte: somebody else may be sending this call."""


class Caller:
    """Sends calls. `deadline` is the whole attempt's, from DNS to the last byte."""

    def __init__(
        self, client: OutgoingClient, signer: Signer, keys: AddOnKeys, clock: Clock, *, deadline: timedelta
    ) -> None:
        self._client = client
        self._signer = signer
        self._keys = keys
        self._clock = clock
        self._deadline = deadline.total_seconds()

    async def call(self, one: Installation, send_by: float) -> Answer:
        """One attempt of the installation's present call; the first byte leaves before `send_by` (monotonic)."""
        if one.call is None or one.tokens is None:
            return answers.ours("no-call")
        try:
            key = await self._keys.signing_key(one.tokens.kid)
            assigned = await self._keys.assigned([one.addon_key])
            prepared = self._signer.prepare(one, one.call, key)
        except Exception as exc:  # noqa: BLE001 - no such call, no such key, no database: in any case nothing was sent
            log.warning("call_not_prepared", installation_id=one.id, error=type(exc).__name__, detail=str(exc)[:200])
            return answers.ours("not-prepared")

        def before_send() -> None:
            if time.monotonic() > send_by:
                raise LeaseOverError
            failpoints.reached(failpoints.BEFORE_CALL)

        started = time.monotonic()
        about: tracing.Attributes = {
            "souk.installation": one.id,
            "souk.addon": one.addon_key,
            "souk.call": one.call.number,
        }
        try:
            with tracing.span(tracing.SpanKind.CLIENT, f"call {one.call.kind}", one.traceparent, about) as span:
                response = await self._client.request(
                    "POST",
                    prepared.url,
                    headers=prepared.headers_at(self._clock.now(), assigned[one.addon_key].webhook_secrets),
                    body=prepared.body,
                    deadline=self._deadline,
                    max_response=_MAX_ANSWER,
                    before_send=before_send,
                )
                span.set_attribute("http.response.status_code", response.status)
        except OutgoingError as error:
            return answers.of_error(error, timedelta(seconds=time.monotonic() - started))
        failpoints.reached(failpoints.AFTER_CALL)
        return answers.of_response(one.call.kind, response, self._clock.now())

    async def probe(self, url: str) -> Answer:
        """GET the add-on's manifest or base address: any answer below 500 shows that somebody is at home."""
        started = time.monotonic()
        try:
            response = await self._client.request("GET", url, deadline=self._deadline, max_response=_MAX_ANSWER)
        except OutgoingError as error:
            return answers.of_error(error, timedelta(seconds=time.monotonic() - started))
        return answers.of_probe(response)
