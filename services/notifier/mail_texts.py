"""Every sentence that the notifier mails, in English. Another language is another `Texts` in `LANGUAGES`.

Plain text with `{names}`; `mail.py` puts values in, cuts them to one line, and escapes the whole for HTML.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.reasons import FailureReason


@dataclass(frozen=True, slots=True)
class Text:
    """One mail, or one entry of a digest: sentences before and after its one link."""

    subject: str
    before: tuple[str, ...]
    link: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """A failure reason for people: what happened, and what to do next."""

    what: str
    then: str


@dataclass(frozen=True, slots=True)
class Texts:
    """All mails in one language."""

    language: str
    """For readers aloud: a BCP 47 tag."""
    ordered: Mapping[str, Text]
    """What auth orders, by template."""
    security_notice: Text
    security_kinds: Mapping[str, str]
    """What happened, by auth's name for it."""
    security_other: str
    installed: Text
    failed: Text
    quoted: str
    digest_subject: str
    digest_opening: str
    digest_rest: str
    addon_down: Text
    own_addon_down: Text
    someone: str
    somebody: str
    reasons: Mapping[FailureReason, Why]
    footer: str
    support: str


_AGAIN = "Start the install again from the add-on's page."

ENGLISH = Texts(
    language="en",
    ordered={
        "verify-email": Text(
            subject="Confirm your e-mail address for {product}",
            before=(
                "Somebody, hopefully you, used this address to create an account at {product}.",
                "Open this link to confirm that the address is yours. It works once, until {until}.",
            ),
            link="Confirm my address",
            after=("If that was not you, do nothing: without the link the account stays closed.",),
        ),
        "account-exists": Text(
            subject="You already have an account at {product}",
            before=(
                "Somebody, probably you, tried to create an account at {product} with this address, or to move one.",
                "It already has one, so nothing was changed. Log in as usual.",
                "On the page of your accounts you can add further accounts to log in with.",
            ),
            link="Log in",
            after=("If that was not you, there is nothing to do.",),
        ),
        "email-change": Text(
            subject="Confirm your new e-mail address for {product}",
            before=(
                "Somebody, hopefully you, asked to make this the address of an account at {product}.",
                "Open this link to do so. It works once, until {until}.",
            ),
            link="Use this address",
            after=("If that was not you, do nothing: the link would move somebody else's account to your address.",),
        ),
        "email-change-asked": Text(
            subject="Your account at {product} is to get another e-mail address",
            before=(
                "Somebody who is logged in to your account at {product} has asked to give it another address.",
                "If that was you, there is nothing to do here: look for the mail at the new address.",
                "If not, open this link, until {until}. It logs everybody out, and we mail you a way to log in again.",
            ),
            link="That was not me",
        ),
        "email-changed": Text(
            subject="Your account at {product} has another e-mail address",
            before=(
                "Your account at {product} has another address now, as was asked for; this one belongs to it no more.",
                "If that was not you, open this link, until {until}. It gives the account this address back.",
                "It also logs everybody out, and we mail you a way to log in again.",
            ),
            link="That was not me",
        ),
        "email-change-undone": Text(
            subject="An account at {product} does not have this e-mail address any more",
            before=(
                "The owner of an account at {product} has taken back that it got this address.",
                "Nobody is logged in to it any more, and its password has ended.",
            ),
            link="Go to {product}",
        ),
        "password-reset": Text(
            subject="Set a new password for {product}",
            before=(
                "Somebody, hopefully you, asked for a new password for your account at {product}.",
                "Open this link to set one. It works once, until {until}, and logs everybody out.",
            ),
            link="Set a new password",
            after=("If that was not you, do nothing: your password stays as it is.",),
        ),
        "password-at-product": Text(
            subject="Logging in to {product}",
            before=(
                "Somebody, hopefully you, asked for a new password for your account at {product}.",
                "It has none: you log in with the product that you use {product} for, and its password.",
            ),
            link="Log in",
            after=("If that was not you, there is nothing to do.",),
        ),
        "password-changed": Text(
            subject="Your password for {product} was changed",
            before=(
                "The password of your account at {product} was set, and everybody else was logged out.",
                "If that was not you, ask for a new password at once, where one logs in.",
            ),
            link="Go to {product}",
        ),
        "account-deleted": Text(
            subject="Your account at {product} is deleted",
            before=(
                "Your account at {product} was deleted, as was asked for by somebody logged in to it.",
                "We keep nothing of you. With the same address you can create a new account at any time.",
            ),
            link="Go to {product}",
        ),
        "workspace-invite": Text(
            subject="You are invited to {workspace} at {product}",
            before=(
                "{inviter} has invited you to join {workspace} at {product}.",
                "Open this link and log in, or create an account, with the address that this mail came to.",
                "The link works once, for {days} days.",
            ),
            link="See the invite",
            after=("If you do not know who that is, do nothing: nobody learns whether you have an account.",),
        ),
    },
    security_notice=Text(
        subject="Your account at {product}: please check what happened",
        before=("{what}", "That was on {at}. If it was you, there is nothing to do."),
        link="See what happened to your account",
        after=(
            "If it was not you, somebody else may use your account.",
            "Log out everywhere at once, on your account's security page; if you have a password, change it.",
        ),
    ),
    security_kinds={
        "two-factor-on": "Two-factor authentication was switched on, and all other sessions have ended.",
        "two-factor-off": "Two-factor authentication was switched off: a password alone opens your account again.",
        "recovery-code-used": "A recovery code was used in place of a code of your device.",
        "recovery-codes-renewed": "New recovery codes were made; the old ones work no more.",
        "personal-token-made": "A personal access token was made, with which a program can act for you.",
        "product-account-added": "A product account was added, by which one can log in to your account.",
        "product-account-removed": "A product account was removed: one cannot log in to your account by it any more.",
        "refresh-reused": "A session was used from two places at once, as if somebody had copied it. It has ended.",
    },
    security_other="Something in the security settings of your account has changed.",
    installed=Text(
        subject="{addon} is installed in {workspace}",
        before=("The add-on has confirmed the install. It is ready to use.",),
        link="See the installation",
    ),
    failed=Text(
        subject="{addon} was not installed in {workspace}",
        before=("{what}", "What to do next: {then}"),
        link="See what happened",
    ),
    quoted="In the add-on's words: “{detail}”",
    digest_subject="{total} results of your installs",
    digest_opening="These installs that you asked for have ended:",
    digest_rest="And {rest} more, which your list of installed add-ons shows.",
    addon_down=Text(
        subject="{addon} does not answer at the moment",
        before=(
            "The add-on {addon} has not answered our calls since {since}.",
            "It is installed, or being installed, in a workspace that you administer.",
            "You need not do anything. Installs under way wait, and go on by themselves when it answers again.",
        ),
        link="See the add-on",
    ),
    own_addon_down=Text(
        subject="Your add-on {addon} does not answer our calls",
        before=(
            "Calls to your add-on {addon} have failed since {since}. The kind of failure: {cause}.",
            "Installs wait. We keep trying, and everything goes on by itself as soon as the add-on answers.",
        ),
        link="See the add-on",
    ),
    someone="a workspace",
    somebody="Somebody",
    reasons={
        FailureReason.EMAIL_NOT_VERIFIED: Why(
            "Your e-mail address is not confirmed yet.",
            "Open the link in the confirmation mail, or ask for another one in your profile. " + _AGAIN,
        ),
        FailureReason.NOT_ADMIN: Why(
            "Only owners and admins of a workspace may install, and you were neither when it was checked.",
            "Ask an owner of the workspace to make you an admin, or to install the add-on.",
        ),
        FailureReason.TWO_FACTOR_REQUIRED: Why(
            "The workspace requires two-factor authentication, and it is off in your profile.",
            "Switch it on in your profile settings. " + _AGAIN,
        ),
        FailureReason.PLAN_TOO_LOW: Why(
            "The add-on needs a higher plan than the workspace has.",
            "Change the plan of the workspace in the product. " + _AGAIN,
        ),
        FailureReason.PRODUCT_NOT_COMPATIBLE: Why(
            "The add-on is not made for the product that the workspace belongs to.",
            "Choose a workspace of a product that the add-on's page names.",
        ),
        FailureReason.WORKSPACE_INACTIVE: Why("The workspace is not active.", "Activate it in the product. " + _AGAIN),
        FailureReason.WORKSPACE_GONE: Why(
            "The workspace does not exist any more, or you are no longer in it.", "Choose another workspace."
        ),
        FailureReason.ADDON_WITHDRAWN: Why(
            "The publisher has withdrawn the add-on.", "Look for another one in the marketplace."
        ),
        FailureReason.ADDON_REFUSED: Why(
            "The add-on refused the install.",
            "Mend what it names and start again, or ask the add-on's publisher; the address is on its page.",
        ),
        FailureReason.ADDON_GONE: Why(
            "The add-on says that it does not exist any more.",
            "Ask the add-on's publisher, or look for another one in the marketplace.",
        ),
        FailureReason.ADDON_ADDRESS_BLOCKED: Why(
            "The add-on's address cannot be called from the marketplace.",
            "Nothing on your side is wrong. Its publisher must change the address; try again later.",
        ),
        FailureReason.ADDON_UNAVAILABLE: Why(
            "The add-on could not be reached for as long as the install was allowed to wait.",
            "Nothing on your side is wrong. Try again when the add-on answers; its page shows its health.",
        ),
        FailureReason.MAINTENANCE: Why(
            "The marketplace is under maintenance, and the install was not to wait for its end.",
            "Nothing on your side is wrong. Try again when the maintenance is over.",
        ),
        FailureReason.DEADLINE: Why(
            "The add-on did not answer in time.", "Nothing on your side is wrong. Try again in a while."
        ),
        FailureReason.MESSAGING_UNAVAILABLE: Why(
            "The marketplace could not process the install, and that is our fault.", "Try again in a while."
        ),
        FailureReason.CANCELLED: Why("It was cancelled.", "Nothing. You can start again at any time."),
    },
    footer="{product} writes such mails by itself; nobody reads answers to them.",
    support="Questions? {support}",
)

LANGUAGES: Mapping[str, Texts] = {"en": ENGLISH}


def texts_for(locale: str) -> Texts:
    """The closest language: `de-AT`, else `de`, else English."""
    wanted = locale.lower().replace("_", "-")
    return LANGUAGES.get(wanted) or LANGUAGES.get(wanted.split("-", 1)[0]) or ENGLISH
