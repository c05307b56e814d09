"""The rows about logging in with the product: a provider that is not ours, a browser that is real."""

import secrets
from urllib.parse import urlencode

from tests.e2e.arriving import DEEP, confirm, from_product, knows_at_product, login, push, somebody
from tests.e2e.marketplace import INSTALLATIONS, Marketplace, SampleAddOn
from tests.e2e.visitor import QUIET, Visitor
from tests.openid_provider import OpenIdProvider

ACCOUNTS = "/api/auth/v1/me/product-accounts"


def test_s1_arriving_from_the_product_logs_in_without_a_form(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor
) -> None:
    name, email = somebody(globe)
    knows_at_product(visitor, globe, name)

    query = {"iss": globe.issuer, "target_link_uri": marketplace.url + DEEP}
    from_product(visitor, globe, f"{marketplace.url}/login/initiate?{urlencode(query)}")

    assert visitor.at == DEEP
    assert visitor.me()["email"] == email
    assert not [url for url in visitor.went if "/interaction/" in url]


def test_s1_whom_the_product_does_not_know_is_asked_nothing_and_tried_once(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor
) -> None:
    visitor.open(f"{QUIET}?region=nz")
    found = visitor.arrival(region="nz")
    visitor.follow(found["silent_url"])

    assert visitor.at == f"{QUIET}?region=nz&login=login-refused"
    assert visitor.me() == {}
    assert not [url for url in visitor.went if "/interaction/" in url]
    assert visitor.arrival(region="nz")["silent_url"] is None
    visitor.went.clear()
    visitor.follow(found["silent_url"])
    assert visitor.at == f"{QUIET}?region=nz"
    assert not [url for url in visitor.went if url.startswith(globe.issuer)]


def test_s1_nobody_is_logged_in_silently_over_a_session_or_after_a_log_out(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor
) -> None:
    name, email = somebody(globe)
    visitor.open(login(globe))
    visitor.log_in_as(name)
    assert visitor.me()["email"] == email
    session = visitor.page.context.cookies(marketplace.url)
    other, _ = somebody(globe)
    visitor.page.context.clear_cookies()
    knows_at_product(visitor, globe, other)
    visitor.page.context.add_cookies(session)  # type: ignore[arg-type] # what was read can be written

    from_product(visitor, globe, f"{marketplace.url}/login/initiate?{urlencode({'iss': globe.issuer})}")
    assert visitor.me()["email"] == email

    assert visitor.call("DELETE", "/api/auth/v1/sessions/current")[0] == 204
    assert visitor.arrival(region="ca")["silent_url"] is None


def test_s2_without_a_product_account_one_is_created_first(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor
) -> None:
    name = f"n{secrets.token_hex(5)}"
    visitor.open(login(globe, register="1"))
    assert visitor.page.title() == "Create an account"
    visitor.sign_up_as(name, f"{name}@globe.example")
    visitor.home()

    assert visitor.at == DEEP
    assert visitor.me()["email"] == f"{name}@globe.example"


def test_s3_product_accounts_are_added_and_removed_as_rows(
    marketplace: Marketplace, globe: OpenIdProvider, island: OpenIdProvider, visitor: Visitor
) -> None:
    name, email = somebody(globe, account_url="https://ada.globe.example")
    second, _ = somebody(island, region="is-1", account_url="https://ada.island.example")
    visitor.open(login(globe))
    visitor.log_in_as(name)

    visitor.leave(login(island, link="1"))
    visitor.log_in_as(second)

    assert visitor.at == DEEP
    assert visitor.me()["email"] == email
    rows = visitor.call("GET", ACCOUNTS)[1]
    assert [(one["provider"], one["region"], one["address"]) for one in rows] == [
        ("globe", "ca", "https://ada.globe.example"),
        ("island", "is-1", "https://ada.island.example"),
    ]
    status, removed = visitor.call("DELETE", f"{ACCOUNTS}/{rows[0]['id']}")
    assert (status, removed["workspaces"]) == (200, [])
    assert visitor.call("GET", f"{ACCOUNTS}/{rows[1]['id']}/effects")[1]["last_way_to_log_in"] is True
    status, refused = visitor.call("DELETE", f"{ACCOUNTS}/{rows[1]['id']}")
    assert (status, refused["slug"]) == (409, "last-way-to-log-in")
    # The other account is a way in by now, whatever its product says of its address.
    visitor.page.context.clear_cookies()
    visitor.open(login(island))
    visitor.log_in_as(second)
    assert visitor.me()["email"] == email


def test_s3_a_product_account_belongs_to_one_account(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor
) -> None:
    first, _ = somebody(globe)
    second, email = somebody(globe)
    visitor.open(login(globe))
    visitor.log_in_as(first)
    visitor.page.context.clear_cookies()
    visitor.open(login(globe))
    visitor.log_in_as(second)

    visitor.leave(login(globe, link="1"))
    visitor.log_in_as(first)

    assert visitor.at.startswith("/login?error=product-account-taken")
    assert visitor.me()["email"] == email
    assert len(visitor.call("GET", ACCOUNTS)[1]) == 1


def test_s3_adding_begins_on_our_own_pages_only(
    marketplace: Marketplace, globe: OpenIdProvider, island: OpenIdProvider, visitor: Visitor
) -> None:
    name, _ = somebody(globe)
    visitor.open(login(globe))
    visitor.log_in_as(name)

    for lure in (login(island, link="1"), login(globe, again="1")):
        from_product(visitor, island, marketplace.url + lure)
        assert visitor.at.startswith("/login?error=cross-site-request")
    visitor.page.goto(marketplace.url + login(island, link="1"))  # typed, or from a mail
    assert visitor.at.startswith("/login?error=cross-site-request")


def test_s3_who_logs_in_meanwhile_is_given_nothing(
    marketplace: Marketplace, globe: OpenIdProvider, island: OpenIdProvider, visitor: Visitor
) -> None:
    first, _ = somebody(globe)
    second, email = somebody(globe)
    third, _ = somebody(island)
    visitor.open(login(globe))
    visitor.log_in_as(first)
    visitor.leave(login(island, link="1"))
    form = visitor.page.url
    # In another tab of the same browser somebody else logs in.
    cookies = [one for one in visitor.page.context.cookies() if "souk_login" in one["name"]]
    visitor.page.context.clear_cookies(name="_session")
    visitor.open(login(globe))
    visitor.log_in_as(second)
    visitor.page.context.add_cookies(cookies)  # type: ignore[arg-type] # what was read can be written

    visitor.page.goto(form)
    visitor.log_in_as(third)

    assert visitor.at.startswith("/login?error=session-ended")
    assert visitor.me()["email"] == email
    assert len(visitor.call("GET", ACCOUNTS)[1]) == 1


def test_s3_installations_outlive_their_only_admin_and_are_taken_over(
    marketplace: Marketplace, globe: OpenIdProvider, island: OpenIdProvider, visitor: Visitor, addon: SampleAddOn
) -> None:
    name, _ = somebody(globe)
    spare, _ = somebody(island)
    later, _ = somebody(globe)
    workspace = secrets.token_hex(12)
    push(marketplace, workspace, {f"globe-{name}": "admin", f"globe-{later}": "owner"})
    visitor.open(login(globe))
    visitor.log_in_as(name)
    visitor.leave(login(island, link="1"))
    visitor.log_in_as(spare)
    installation = install(marketplace, visitor, workspace, addon)

    account = next(one for one in visitor.call("GET", ACCOUNTS)[1] if one["provider"] == "globe")
    announced = visitor.call("GET", f"{ACCOUNTS}/{account['id']}/effects")[1]
    assert announced["left_without_admin"] == 1
    assert [(one["id"], one["role"], one["left_without_admin"]) for one in announced["workspaces"]] == [
        (workspace, "admin", True)
    ]
    status, removed = visitor.call("DELETE", f"{ACCOUNTS}/{account['id']}")
    assert (status, removed) == (200, announced)
    assert visitor.call("GET", f"/api/auth/v1/workspaces/{workspace}")[0] == 404
    marketplace.settle()
    assert visitor.call("GET", f"{INSTALLATIONS}/{installation}")[0] in (403, 404)
    assert addon.install(installation)["status"] == "ACTIVE"

    visitor.page.context.clear_cookies()
    visitor.open(login(globe))
    visitor.log_in_as(later)
    marketplace.settle()
    status, shown = visitor.call("GET", f"{INSTALLATIONS}/{installation}")
    assert (status, shown["state"]) == (200, "INSTALLED")


def install(marketplace: Marketplace, visitor: Visitor, workspace: str, addon: SampleAddOn) -> str:
    """Install as the visitor, and await it."""
    marketplace.settle()
    status, asked = visitor.call(
        "POST",
        INSTALLATIONS,
        {"workspace_id": workspace, "addon_key": addon.key, "acknowledge": ["region"]},
        **{"Idempotency-Key": secrets.token_hex(16)},
    )
    assert status == 202, asked
    marketplace.topics.wait("AddOnInstalled", installation_id=asked["id"])
    installation: str = asked["id"]
    return installation


def test_s4_what_an_untrusted_product_says_of_an_address_is_proved_by_our_own_link(
    marketplace: Marketplace, island: OpenIdProvider, visitor: Visitor
) -> None:
    name, email = somebody(island)
    visitor.open(login(island))
    visitor.log_in_as(name)
    assert visitor.at.startswith("/login?error=email-not-verified&return_to=%2Fdocs")
    assert visitor.me() == {}

    confirm(marketplace, visitor, email)
    visitor.open(login(island))
    visitor.home()

    assert visitor.at == DEEP
    user_id = visitor.me()["id"]
    marketplace.topics.wait("UserVerified", user_id=user_id)
    marketplace.settle()
    assert len(marketplace.topics.distinct("auth.users.v1", user_id=user_id, method="link")) == 1


def test_s5_log_in_with_the_product_and_back_to_where_the_visitor_was(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor
) -> None:
    name, email = somebody(globe)

    visitor.open(login(globe))
    assert visitor.page.url.startswith(globe.issuer)
    visitor.log_in_as(name)

    assert visitor.at == DEEP
    assert visitor.me()["email"] == email
    marketplace.topics.wait("UserVerified", user_id=visitor.me()["id"])


def test_s5_who_cancels_is_told_and_can_go_on(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor
) -> None:
    visitor.open(login(globe))
    visitor.page.get_by_role("button", name="Cancel").click()
    visitor.home()

    assert visitor.at == f"/login?{urlencode({'error': 'login-refused', 'return_to': DEEP})}"
    assert visitor.me() == {}


def test_s6_a_known_region_or_subdomain_logs_in_whom_the_product_knows(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor
) -> None:
    name, email = somebody(globe)
    for query in ({"region": "nz"}, {"subdomain": "acme.globe.example"}):
        knows_at_product(visitor, globe, name)
        visitor.open(f"{QUIET}?{urlencode(query)}")
        found = visitor.arrival(**query)
        assert (found["provider"]["id"], found["recognised_by"]) == ("globe", next(iter(query)))
        visitor.follow(found["silent_url"])

        assert visitor.at == f"{QUIET}?{urlencode(query)}"
        assert visitor.me()["email"] == email
        assert not [url for url in visitor.went if "/interaction/" in url]


def test_s6_the_page_before_tells_where_a_visitor_comes_from(
    marketplace: Marketplace, island: OpenIdProvider, visitor: Visitor
) -> None:
    from_product(visitor, island, marketplace.url + QUIET)

    found = visitor.arrival()
    assert (found["provider"]["id"], found["recognised_by"]) == ("island", "referrer")


def test_s6_an_address_that_is_not_verified_is_told_and_lets_nobody_in(
    marketplace: Marketplace, island: OpenIdProvider, visitor: Visitor
) -> None:
    name, _ = somebody(island)
    visitor.open(login(island))
    visitor.log_in_as(name)

    visitor.open(f"{QUIET}?region=is")
    visitor.follow(visitor.arrival(region="is")["silent_url"])

    assert visitor.at == f"{QUIET}?region=is&login=email-not-verified"
    assert visitor.me() == {}


def test_s8_a_newcomer_comes_back_to_the_add_on_that_was_chosen(
    marketplace: Marketplace, island: OpenIdProvider, visitor: Visitor
) -> None:
    name = f"n{secrets.token_hex(5)}"
    visitor.open(login(island, register="1"))
    assert visitor.page.url.startswith(f"{island.issuer}/register?back=")
    visitor.sign_up_as(name, f"{name}@island.example")
    # The product's sign-up leads back to our log-in.
    visitor.page.wait_for_url("**/interaction/*")
    visitor.log_in_as(name)
    assert visitor.at.startswith("/login?error=email-not-verified")

    # Even by another door, the marketplace knows what the newcomer came for.
    visitor.open(QUIET)
    assert visitor.call("GET", "/api/auth/v1/arrival?region=is")[1]["login_url"].endswith(
        urlencode({"return_to": DEEP})
    )
    confirm(marketplace, visitor, f"{name}@island.example")
    visitor.open(QUIET)
    visitor.open(visitor.call("GET", "/api/auth/v1/arrival?region=is")[1]["login_url"].removeprefix(marketplace.url))
    visitor.home()
    assert visitor.at == DEEP
    assert visitor.me()["email"] == f"{name}@island.example"


def test_s13_a_second_factor_at_the_product_counts_until_a_log_in_without_it(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor
) -> None:
    name, email = somebody(globe, amr=["pwd", "mfa"])
    visitor.open(login(globe))
    visitor.log_in_as(name)
    user_id = visitor.me()["id"]
    assert visitor.me()["two_factor"] is True
    marketplace.topics.wait("AccountChanged", user_id=user_id, two_factor=True)

    globe.account(name, email=email, email_verified=True, amr=["pwd"])
    visitor.leave(login(globe, again="1"))
    visitor.log_in_as(name)
    assert visitor.at == DEEP
    visitor.page.context.clear_cookies()
    visitor.open(login(globe))
    visitor.log_in_as(name)
    assert visitor.me()["two_factor"] is False
    marketplace.topics.wait("TwoFactorChanged", user_id=user_id, enabled=False)


def test_s13_proving_once_more_asks_for_a_form_and_for_the_same_person(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor
) -> None:
    name, email = somebody(globe)
    other, _ = somebody(globe)
    visitor.open(login(globe))
    visitor.log_in_as(name)

    visitor.leave(login(globe, again="1"))
    assert "/interaction/" in visitor.page.url  # though the product knows them
    visitor.log_in_as(other)
    assert visitor.at.startswith("/login?error=other-account")
    assert visitor.me()["email"] == email
