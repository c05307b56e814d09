"""What the add-on tells the marketplace about itself (manifest version 1.3)."""

from typing import Any

# The last part of the path that each lifecycle call is sent to.
LIFECYCLE = {
    "installed": "INSTALLED",
    "deleted": "DELETED",
    "status-changed": "STATUS_CHANGED",
    "settings-updated": "SETTINGS_UPDATED",
}


def manifest(key: str, name: str, base_url: str) -> dict[str, Any]:
    return {
        "schemaVersion": "1.3",
        "key": key,
        "name": name,
        "description": "Greets everybody who stops a timer. Made to try a marketplace with.",
        "baseUrl": base_url,
        "iconPath": "/icon.svg",
        "minimalSubscriptionPlan": "FREE",
        "scopes": ["WORKSPACE_READ", "USER_READ", "TIME_ENTRY_READ"],
        "lifecycle": [{"type": kind, "path": f"/lifecycle/{path}"} for path, kind in LIFECYCLE.items()],
        "webhooks": [
            {"event": "NEW_TIME_ENTRY", "path": "/webhooks/new-time-entry"},
            {"event": "TIMER_STOPPED", "path": "/webhooks/timer-stopped"},
        ],
        "components": [
            {
                "type": "sidebar",
                "accessLevel": "EVERYONE",
                "label": "Greetings",
                "path": "/sidebar",
                "iconPath": "/icon.svg",
            }
        ],
        "settings": {"tabs": [_settings_tab()]},
    }


def _settings_tab() -> dict[str, Any]:
    return {
        "id": "greetings",
        "name": "Greetings",
        "settings": [
            {"id": "text", "name": "What to say", "accessLevel": "ADMINS", "type": "TXT", "value": "Well done"},
            {"id": "per-day", "name": "At most per day", "accessLevel": "ADMINS", "type": "NUMBER", "value": 5},
            {"id": "weekends", "name": "Also on weekends", "accessLevel": "ADMINS", "type": "CHECKBOX", "value": False},
        ],
        "groups": [
            {
                "id": "manner",
                "title": "Manner",
                "settings": [
                    {
                        "id": "tone",
                        "name": "Tone",
                        "accessLevel": "EVERYONE",
                        "type": "DROPDOWN_SINGLE",
                        "value": "cheerful",
                        "allowedValues": ["cheerful", "dry"],
                    }
                ],
            }
        ],
    }
