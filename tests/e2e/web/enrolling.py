"""A second factor, switched on by its owner in the browser."""

import pyotp
from playwright.sync_api import expect

from tests.e2e.web.screens import Screens


def enrol(screens: Screens) -> pyotp.TOTP:
    """Switch it on with a device that is told the key, and keep the recovery codes."""
    screens.says("Off. Workspaces that require it are locked for you.")
    screens.button("Switch it on").click()
    image = screens.page.get_by_role("img", name="QR code")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth > 0"), "the QR code is not drawn"
    key = screens.page.get_by_text("Or type in the key:").get_by_role("code").inner_text()
    device = pyotp.TOTP(key)
    screens.page.get_by_label("Enter the code that it shows").fill(device.now())
    screens.button("Confirm").click()
    told = screens.dialog("Your recovery codes")
    expect(told).to_be_visible()
    codes = told.get_by_role("listitem").all_inner_texts()
    assert len(set(codes)) == len(codes) >= 8
    told.get_by_role("button", name="I have kept them").click()
    screens.says("On. Every workspace can be chosen.")
    screens.says(f"{len(codes)} recovery codes left")
    return device
