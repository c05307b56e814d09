"""What clients get: the products that one can log in with."""

from services.auth.views import Told


class ProviderRow(Told):
    id: str
    label: str
    product: str
    region: str
    login_url: str
    create_workspace_url: str | None
