"""The product's users and their passwords."""

import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from werkzeug.security import check_password_hash, generate_password_hash

from samples.product.files import write

REGIONS = ("global", "eu", "us", "uk", "au")
MIN_PASSWORD_LENGTH = 10
# Checked when there is no such user, so that a wrong address takes as long as a wrong password.
NOBODYS_PASSWORD = generate_password_hash(secrets.token_urlsafe(16))
FIRST_USERS = (("admin@acme.example", "Ada Admin"), ("member@acme.example", "Max Member"))


@dataclass(frozen=True)
class User:
    sub: str
    email: str
    name: str
    region: str
    email_verified: bool
    password_hash: str = field(repr=False)
    two_factor: bool = False

    @property
    def amr(self) -> list[str]:
        """How this user logs in (RFC 8176). The sample asks for no code; it only says that it would have."""
        return ["pwd", "otp", "mfa"] if self.two_factor else ["pwd"]

    def claims(self, scope: str) -> dict[str, Any]:
        """What the marketplace may know, by the scopes it asked for."""
        scopes = scope.split()
        claims: dict[str, Any] = {"sub": self.sub, "region": self.region}
        if "email" in scopes:
            claims |= {"email": self.email, "email_verified": self.email_verified}
        if "profile" in scopes:
            claims |= {"name": self.name}
        return claims


class Users:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._changing = threading.Lock()
        rows = json.loads(path.read_text()) if path.exists() else []
        self._by_sub = {row["sub"]: User(**row) for row in rows}

    def __bool__(self) -> bool:
        return bool(self._by_sub)

    def __iter__(self) -> Iterator[User]:
        return iter(list(self._by_sub.values()))

    def get(self, sub: str) -> User | None:
        return self._by_sub.get(sub)

    def by_email(self, email: str) -> User | None:
        wanted = email.strip().lower()
        return next((user for user in self if user.email == wanted), None)

    def check(self, email: str, password: str) -> User | None:
        user = self.by_email(email)
        right = check_password_hash(user.password_hash if user else NOBODYS_PASSWORD, password)
        return user if right else None

    def add(
        self,
        *,
        email: str,
        name: str,
        password: str,
        region: str,
        verified: bool = False,
        sub: str = "",
        two_factor: bool = False,
    ) -> User:
        """Raises ValueError, in words for the one who signs up."""
        if "@" not in email or len(password) < MIN_PASSWORD_LENGTH or region not in REGIONS:
            raise ValueError(f"An e-mail address, a region and a password of {MIN_PASSWORD_LENGTH} characters, please.")
        address = email.strip().lower()
        with self._changing:
            if self.by_email(address):
                raise ValueError("This address has an account already.")
            user = User(
                sub=sub or secrets.token_hex(12),
                email=address,
                name=name.strip() or address,
                region=region,
                email_verified=verified,
                password_hash=generate_password_hash(password),
                two_factor=two_factor,
            )
            self._save(user)
        return user

    def change(self, sub: str, **fields: Any) -> User:
        with self._changing:
            user = replace(self._by_sub[sub], **fields)
            self._save(user)
        return user

    def _save(self, user: User) -> None:
        self._by_sub[user.sub] = user
        write(self._path, json.dumps([asdict(each) for each in self._by_sub.values()], indent=1))


def add_first_users(users: Users, given: str, passwords_path: Path) -> None:
    """The users of SAMPLE_PRODUCT_USERS, or at the first start two with passwords that are written to a file.

    Raises ValueError if SAMPLE_PRODUCT_USERS is not as the README says.
    """
    if given:
        for row in json.loads(given):
            _add_or_change(users, **row)
    elif not users:
        passwords = {}
        for email, name in FIRST_USERS:
            passwords[email] = secrets.token_urlsafe(12)
            users.add(email=email, name=name, password=passwords[email], region="eu", verified=True)
        write(passwords_path, json.dumps(passwords, indent=1))


def _add_or_change(
    users: Users,
    *,
    email: str,
    password: str,
    name: str = "",
    region: str = "eu",
    email_verified: bool = True,
    sub: str = "",
    two_factor: bool = False,
) -> None:
    known = users.by_email(email)
    if known is None:
        verified = email_verified
        users.add(
            email=email, name=name, password=password, region=region, verified=verified, sub=sub, two_factor=two_factor
        )
    elif not check_password_hash(known.password_hash, password):
        users.change(known.sub, password_hash=generate_password_hash(password))
