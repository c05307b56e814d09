"""The rows about logging in with the product: a provider that is not ours, a browser that is real."""

from urllib.parse import quote

from tests.e2e.marketplace import Marketplace
from tests.e2e.visitor import Visitor
from tests.openid_provider import OpenIdProvider

DEEP = "/addons/some-add-on?install=1&from=a%20page"


def test_s5_log_in_with_the_product_and_back_to_where_the_visitor_was(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor
) -> None:
    globe.account("grace", email="grace@globe.example", email_verified=True)

    visitor.open(f"/api/auth/v1/login/globe?return_to={quote(DEEP, safe='')}")
    assert visitor.page.url.startswith(globe.issuer)
    visitor.log_in_as("grace")

    assert visitor.at == DEEP
    assert visitor.me()["email"] == "grace@globe.example"
    marketplace.topics.wait("UserVerified", user_id=visitor.me()["id"])
