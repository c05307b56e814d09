"""The forms for logging in and signing up, and the session behind them."""

import time

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from samples.product.users import REGIONS, User, Users


def visitor(users: Users) -> User | None:
    """The user of this browser, if somebody is logged in."""
    return users.get(session.get("sub", ""))


def login_pages(users: Users) -> Blueprint:
    pages = Blueprint("login", __name__)

    @pages.get("/login")
    def log_in() -> ResponseReturnValue:
        return render_template("login.html", email=request.args.get("email", ""))

    @pages.post("/login")
    def check() -> ResponseReturnValue:
        email = request.form.get("email", "")
        user = users.check(email, request.form.get("password", ""))
        if user is None:
            return render_template("login.html", email=email, problem="Address or password is wrong."), 401
        return _enter(user)

    @pages.get("/signup")
    def sign_up() -> ResponseReturnValue:
        return render_template("signup.html", form=request.args, regions=REGIONS)

    @pages.post("/signup")
    def create() -> ResponseReturnValue:
        form = request.form
        try:
            user = users.add(
                email=form.get("email", ""),
                name=form.get("name", ""),
                password=form.get("password", ""),
                region=form.get("region", "global"),
            )
        except ValueError as problem:
            return render_template("signup.html", form=form, regions=REGIONS, problem=problem), 400
        return _enter(user)

    @pages.post("/logout")
    def log_out() -> ResponseReturnValue:
        session.clear()
        return redirect(url_for("pages.home"))

    return pages


def _enter(user: User) -> ResponseReturnValue:
    session.clear()
    session["sub"] = user.sub
    session["auth_time"] = int(time.time())
    session["amr"] = user.amr
    back = request.args.get("next", "")
    # Only addresses of this product; "//host" and "/\\host" are not.
    inside = back.startswith("/") and not back.startswith(("//", "/\\"))
    return redirect(back if inside else url_for("pages.home"))
