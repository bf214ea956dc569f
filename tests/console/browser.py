"""The console's doors in a real Chromium: first link, second factor, sign-in, accounts, languages.

Enters: the console's address, its one-time link, a folder for pictures. Leaves: a verdict, pictures.
Never: leaves the loopback. Needs Playwright and axe-playwright-python from PyPI, chromium from Debian.

    browser.py http://127.0.0.1:9468 http://127.0.0.1:9468/link/... pictures/
"""

import base64
import hashlib
import hmac
import struct
import sys
import time

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

BASE, LINK, PICTURES = sys.argv[1:4]
PASSWORD = "a long sentence about nothing"
complaints = []


def code(seed, step=0):
    """The code of an app (RFC 6238), `step` steps from now."""
    key = base64.b32decode(seed.replace(" ", ""))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 10**6:06d}"


def watch(page):
    """What the browser complains of: refused scripts and styles, failed loads, errors of scripts."""
    page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(m.text))
    page.on("pageerror", lambda e: complaints.append(str(e)))
    return page


def look(page, name):
    """A picture, and what axe finds."""
    page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    for one in found:
        where = "; ".join(node["html"][:120] for node in one["nodes"][:3])
        complaints.append(f"{name}: {one['impact']}: {one['id']}: {one['help']}: {where}")


def main():
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = watch(chromium.new_context().new_page())
        page.goto(LINK)
        look(page, "first-link")
        page.get_by_label("Name", exact=True).fill("eva")
        page.get_by_label("Shown as").fill("Eva <b>Jansen</b>")
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        page.wait_for_url("**/sign-in/second-factor")
        look(page, "second-factor")
        seed = page.locator("#seed").inner_text()
        page.get_by_label("Code", exact=True).fill(code(seed))
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_url(f"{BASE}/")
        assert page.get_by_role("link", name="Eva <b>Jansen</b>").is_visible(), "escaped"
        look(page, "start")
        page.goto(LINK)
        assert "was used before" in page.inner_text("main")
        complaints[:] = [c for c in complaints if "404" not in c]
        page.goto(f"{BASE}/")
        page.get_by_role("link", name="Accounts").click()
        page.get_by_label("Name", exact=True).fill("jan")
        page.locator("form[action$=invite]").get_by_label("Analyst").check()
        page.get_by_role("button", name="Make the invitation").click()
        invitation = page.locator("#made-link").inner_text()
        page.locator("summary", has_text="eva").click()
        look(page, "accounts")
        page.goto(f"{BASE}/account")
        look(page, "account")

        other = watch(chromium.new_context(viewport={"width": 360, "height": 740}).new_page())
        other.goto(invitation)
        other.get_by_role("button", name="Nederlands").click()
        other.get_by_role("button", name="donker").click()
        other.get_by_label("Nieuw wachtwoord").fill(PASSWORD)
        other.get_by_label("Nogmaals hetzelfde").fill(PASSWORD)
        look(other, "invitation-phone-dutch-dark")
        other.get_by_role("button", name="Account maken").click()
        other.wait_for_url(f"{BASE}/")
        look(other, "start-phone-dutch-dark")
        wide = other.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{wide} wide on a phone"
        other.goto(f"{BASE}/account")
        look(other, "account-phone-dutch-dark")
        assert other.evaluate("document.documentElement.scrollWidth") <= 360
        other.get_by_role("button", name="Afmelden").click()
        other.wait_for_url("**/sign-in")

        # Out, and in again: the code that was used does not work twice, the next one does.
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in")
        look(page, "sign-in")
        page.goto(f"{BASE}/account")
        page.get_by_label("Name").fill("eva")
        page.get_by_label("Password").fill("not this one at all")
        page.get_by_role("button", name="Sign in").click()
        assert "do not belong together" in page.get_by_role("alert").inner_text()
        look(page, "sign-in-failed")
        complaints[:] = [c for c in complaints if "403" not in c]
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/sign-in/code**")
        look(page, "code")
        page.get_by_label("Code", exact=True).fill(code(seed, 1))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{BASE}/account")
        page.get_by_role("heading", name="My account").wait_for()
        chromium.close()
    for complaint in complaints:
        print("complaint:", complaint)
    print("seen:", "nothing wrong" if not complaints else f"{len(complaints)} complaints")
    sys.exit(bool(complaints))


main()
