"""Consuming auth's answers. The other topics feed projections only."""

from collections.abc import Sequence

from services.installer.delivery.surroundings import Lookout
from services.installer.delivery.worker import Worker
from services.installer.saga.inputs import Checked, Surroundings, Verdict
from services.installer.store import InstallationStore
from shared.contracts.auth import WorkspaceChecked
from shared.contracts.envelope import Envelope, Message
from shared.plumbing.outcomes import Outcome


class CheckHandler:
    """Folds a batch of answers into their installations; calls begin at once, none is awaited."""

    def __init__(self, store: InstallationStore, lookout: Lookout, worker: Worker) -> None:
        self._store = store
        self._lookout = lookout
        self._worker = worker

    async def __call__(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        """See `shared.plumbing.outcomes.Handle`."""
        answers = [(one, one.data) for one in batch if isinstance(one.data, WorkspaceChecked)]
        known = await self._store.peek([answer.installation_id for _, answer in answers])
        outlook = await self._lookout.around([one for one in known.values() if one.pending])
        # What is not known here may be for a newer release: the store parks it in the document.
        meant = [answer.installation_id not in known or known[answer.installation_id].pending for _, answer in answers]
        decisions = await self._worker.apply(
            [
                (
                    answer.installation_id,
                    Checked(
                        envelope.id,
                        answer,
                        outlook.around.get(answer.installation_id, Surroundings()),
                        envelope.causation_id,
                    ),
                )
                for (envelope, answer), applies in zip(answers, meant, strict=True)
                if applies
            ],
            outlook.offered,
        )
        verdicts = iter(decisions)
        outcomes = []
        for (envelope, answer), applies in zip(answers, meant, strict=True):
            decision = next(verdicts) if applies else None
            if decision is not None and decision.verdict is Verdict.APPLIED:
                outcomes.append(Outcome.DONE)
            else:
                applied = known[answer.installation_id].applied if answer.installation_id in known else ()
                outcomes.append(Outcome.DUPLICATE if envelope.id in applied else Outcome.SUPERSEDED)
        return outcomes
