"""`python -m services.auth COMMAND`."""

from services.auth.main import build
from services.auth.operators.commands import make_operator, rotate_keys
from services.auth.settings import AuthSettings
from shared.contracts.topics import ALL_TOPICS
from shared.plumbing.cli import run
from shared.plumbing.settings import PlatformSettings, load

if __name__ == "__main__":
    run(
        lambda: build(*load(PlatformSettings, AuthSettings)),
        ALL_TOPICS,
        commands=(
            ("operator", "make an account an operator", ("email",), make_operator),
            ("rotate-keys", "make the next key that signs access tokens", (), rotate_keys),
        ),
    )
