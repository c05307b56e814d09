"""What a real product does with mails and devices; here a button stands for each."""

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from samples.product.login import visitor
from samples.product.users import Users


def profile_pages(users: Users) -> Blueprint:
    pages = Blueprint("profile", __name__)

    @pages.post("/confirm")
    def confirm() -> ResponseReturnValue:
        """In place of the link in a mail."""
        user = visitor(users)
        if user is not None:
            users.change(user.sub, email_verified=True)
        return redirect(url_for("pages.home"))

    @pages.post("/two-factor")
    def switch_two_factor() -> ResponseReturnValue:
        """In place of enrolling a device: from the next log-in on, it counts as made with a second factor."""
        user = visitor(users)
        if user is not None:
            users.change(user.sub, two_factor=not user.two_factor)
        return redirect(url_for("pages.home"))

    return pages
