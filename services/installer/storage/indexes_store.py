"""The indexes of `installations`: one for each question that is asked of them."""

from pymongo import IndexModel

from shared.plumbing.outbox import OUTBOX_INDEX
from shared.plumbing.state_relay import STATE_INDEXES

INDEXES = (
    IndexModel(
        [("workspace_id", 1), ("addon_key", 1)],
        name="one_live",
        unique=True,
        partialFilterExpression={"live": True},
    ),
    IndexModel([("workspace_id", 1), ("addon_key", 1), ("generation", 1)], name="generations", unique=True),
    IndexModel(
        [("due_at", 1), ("lane", 1), ("deadline", 1)],
        name="due",
        partialFilterExpression={"due_at": {"$type": "date"}},
    ),
    IndexModel(
        [("state", 1), ("addon_key", 1), ("requested_at", 1)],
        name="pending",
        partialFilterExpression={"outcome": "pending"},
    ),
    IndexModel(
        [("requested_at", 1), ("_id", 1)], name="oldest_pending", partialFilterExpression={"outcome": "pending"}
    ),
    IndexModel(
        [("cleanup", 1), ("requested_at", 1), ("_id", 1)],
        name="oldest_owed",
        partialFilterExpression={"cleanup": "owed"},
    ),
    IndexModel([("tokens.kid", 1), ("addon_key", 1)], name="live_by_key", partialFilterExpression={"live": True}),
    IndexModel([("changed_at", -1), ("_id", -1)], name="given_up", partialFilterExpression={"gave_up": True}),
    IndexModel([("changed_at", -1), ("_id", -1)], name="failed", partialFilterExpression={"outcome": "failed"}),
    IndexModel([("workspace_id", 1), ("requested_at", -1), ("_id", -1)], name="by_workspace"),
    IndexModel([("addon_key", 1), ("requested_at", -1), ("_id", -1)], name="by_addon"),
    OUTBOX_INDEX,
    *STATE_INDEXES,
)
