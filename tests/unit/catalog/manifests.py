"""Manifests for tests, made up here; the published schemas and real manifests stay outside the project."""

from copy import deepcopy
from typing import Any

Json = dict[str, Any]

_EVERYTHING: Json = {
    "schemaVersion": "1.6",
    "key": "harvest-sheets",
    "name": "Harvest Sheets",
    "baseUrl": "https://sheets.example.com/addon/",
    "minimalSubscriptionPlan": "STANDARD",
    "scopes": ["TIME_ENTRY_READ", "USER_READ"],
    "description": "Writes the week into a sheet",
    "iconPath": "icon.svg",
    "lifecycle": [
        {"type": "INSTALLED", "path": "/lifecycle/installed"},
        {"type": "DELETED", "path": "lifecycle/deleted"},
    ],
    "webhooks": [{"event": "NEW_TIME_ENTRY", "path": "/hooks/entry"}],
    "components": [
        {
            "type": "sidebar",
            "label": "Sheets",
            "accessLevel": "ADMINS",
            "path": "/",
            "iconPath": "/side.svg",
            "options": {"wide": True},
            "width": 40,
            "height": 30,
        }
    ],
    "settings": {
        "tabs": [
            {
                "id": "general",
                "name": "General",
                "header": {"title": "What goes where"},
                "groups": [
                    {
                        "id": "sheet",
                        "title": "Sheet",
                        "description": "The sheet to fill",
                        "header": {"title": "Sheet"},
                        "settings": [
                            {"id": "day", "name": "Day", "accessLevel": "EVERYONE", "type": "NUMBER", "value": 5},
                        ],
                    }
                ],
                "settings": [
                    {
                        "id": "mode",
                        "name": "Mode",
                        "accessLevel": "ADMINS",
                        "type": "DROPDOWN_SINGLE",
                        "value": "weekly",
                        "allowedValues": ["weekly", "monthly"],
                        "description": "How often",
                        "placeholder": "Choose",
                        "key": "mode",
                        "required": True,
                        "copyable": False,
                        "readOnly": False,
                    }
                ],
            }
        ]
    },
}


def a_manifest(**changes: object) -> Json:
    """A manifest with every field that the versions define, with `changes` at its top level."""
    return deepcopy(_EVERYTHING) | changes


def a_small_manifest(**changes: object) -> Json:
    """A manifest with what the latest version requires and nothing else, with `changes` on top."""
    required = ("key", "name", "baseUrl", "minimalSubscriptionPlan")
    return {field: _EVERYTHING[field] for field in required} | changes
