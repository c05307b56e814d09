"""The walk through the first install, as the README prints it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.marketplace import Marketplace, SampleAddOn

README = Path(__file__).parents[2] / "README.md"
MARKED = re.compile(r"^<!-- tested -->\n+```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_first_install_works_as_the_readme_says(marketplace: Marketplace, addon: SampleAddOn) -> None:
    blocks = MARKED.findall(README.read_text())
    if not blocks:
        pytest.fail(
            "README.md has no bash block below a line `<!-- tested -->`: the walk with curl is gone, or unmarked"
        )
    where = {
        "SOUK": marketplace.url,
        "PRODUCT": marketplace.product_url,
        "MAILS": marketplace.stack.plan.mail_url,
        "ADDON": marketplace.addon_url,
    }

    ran = subprocess.run(  # noqa: S603 - our own README
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],  # noqa: S607 - the reader's
        env={**os.environ, **where, "NO_PROXY": "localhost,127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert "INSTALLED" in ran.stdout
