"""The record's pages in a real Chromium: triage by keyboard, live updates, two analysts at once,
unsealing by two people, Dutch, a phone's width, paper; and the pictures of docs/console.

Enters: the program, a folder to work in, a folder for pictures. Leaves: a verdict, pictures. Never:
leaves the loopback. Needs the environment of venv.py, and chromium and age from Debian.

    drive.py target/debug/poortwacht /tmp/stage docs/console
"""

import os
import sys
import time
import urllib.request

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect, sync_playwright

import work
from stage import Stage

PROGRAM, FOLDER, PICTURES = sys.argv[1:4]
PASSWORD = "a long sentence about nothing"
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
complaints = []


def watch(page):
    """What the browser complains of: refused scripts and styles, failed loads, errors of scripts."""
    page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(m.text))
    page.on("pageerror", lambda e: complaints.append(str(e)))
    return page


def judge(page, name):
    """What axe finds, and whether the page scrolls sideways."""
    for one in Axe().run(page).response["violations"]:
        if one["impact"] in ("serious", "critical"):
            where = "; ".join(node["html"][:160] for node in one["nodes"][:3])
            complaints.append(f"{name}: {one['impact']}: {one['id']}: {one['help']}: {where}")
    over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if over > 1:
        complaints.append(f"{name}: {over} pixels wider than the window")


def look(page, name, whole=True):
    judge(page, name)
    path = os.path.join(PICTURES, f"{name}.png")
    page.screenshot(path=path, full_page=whole)
    # 128 colours are enough for a page, and a third of the bytes.
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def person(browser, stage, name, *roles, link=None, size=WIDE, language="en", scheme="light"):
    """Somebody with an account, signed in, in a browser of their own."""
    context = browser.new_context(viewport=size, locale=language, color_scheme=scheme)
    page = watch(context.new_page())
    page.goto(link or stage.invite(name, *roles))
    if page.locator("[name=name]").count():
        page.locator("[name=name]").fill(name)
    passwords = page.locator("input[type=password]")
    for place in range(passwords.count()):
        passwords.nth(place).fill(PASSWORD)
    page.locator("main form button").last.click()
    page.wait_for_load_state()
    assert "/link/" not in page.url, page.inner_text("main")
    return page


def set_view(page, word):
    page.locator(f"form.view button[value={word}]").click()
    page.wait_for_load_state()


def here(page):
    return page.locator("tr.here a[data-open]").inner_text()


def open_case(page, stage, vendor="trial account"):
    page.goto(f"{stage.url}/cases?q=")
    page.locator("tr[data-row]", has_text=vendor).first.locator("a[data-open]").click()
    page.wait_for_load_state()


def all_pages(page, stage, case, request_there):
    look_at = {
        "inbox": "/cases", "hits": "/hits", "coverage": "/coverage?span=day", "vendors": "/vendors",
        "vendor": "/vendors/clearview-ai", "register": "/register", "suppressions": "/suppressions",
        "audit": "/audit", "health": "/health", "case": case, "filter-error": "/cases?q=stage%3Avisitd",
    }
    if request_there:
        look_at["unsealing"] = "/unsealing"
    for name, path in look_at.items():
        page.goto(stage.url + path)
        look(page, name, whole=name not in ("hits", "vendors", "vendor"))
    page.goto(f"{stage.url}/hits?q=host:developer.kairos.com+seen:dns-query")
    page.locator("a[data-open]").first.click()
    page.wait_for_load_state()
    look(page, "hit")
    page.goto(f"{stage.url}/cases")
    page.keyboard.press("?")
    look(page, "keys", whole=False)
    page.keyboard.press("Escape")


def keyboard_only(page, stage):
    """From the inbox to a closed case, without a mouse."""
    page.goto(f"{stage.url}/cases")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url("**/hits")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/cases")
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("vendor:pimeyes")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=vendor**")
    page.keyboard.press("j")
    assert "PimEyes" in here(page), here(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/case-*")
    page.keyboard.press("a")
    page.wait_for_url("**done=acknowledge")
    page.keyboard.press("i")
    page.wait_for_url("**done=assign")
    page.keyboard.press("c")
    page.keyboard.type("Asked the unit; they know of it.")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**done=comment")
    page.keyboard.press("e")
    page.keyboard.type("res")
    page.keyboard.press("Tab")
    page.keyboard.type("Part of the procurement study, ticket 7.")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**done=close")
    expect(page.locator(".case-head")).to_contain_text("research")
    case = page.locator("[data-case]").get_attribute("data-case")
    page.keyboard.press("u")
    page.wait_for_url("**/cases")
    assert page.locator(f"tr[data-id={case}]").count() == 0, "closed: gone from what there is to do"


def bulk(page, stage):
    """Several at once: x selects, a acknowledges."""
    page.goto(f"{stage.url}/cases?q=state:new")
    before = page.locator("tr[data-id]").count()
    assert before >= 2, before
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.locator("#count")).to_contain_text("2")
    page.keyboard.press("a")
    expect(page.locator(".notice")).to_contain_text("Cases changed: 2")
    assert page.locator("tr[data-id]").count() == before - 2


def two_at_once(one, other, stage):
    """Both look at a case; one closes it; the other is told, keeps the words, decides again."""
    for page in (one, other):
        open_case(page, stage)
    one.locator("details[data-form=close] summary").click()
    one.locator("details[data-form=close] textarea").fill("It is in the new register.")
    one.locator("details[data-form=close] select").select_option("authorised")
    one.locator("details[data-form=close] button").click()
    one.wait_for_url("**done=close")
    expect(other.locator("#live")).to_contain_text("changed while you were looking")
    other.locator("details[data-form=close] summary").click()
    other.locator("details[data-form=close] textarea").fill("My own reason.")
    other.locator("details[data-form=close] button").click()
    expect(other.locator(".notice.bad")).to_contain_text("closed the case as authorised use")
    look(other, "second-of-two", whole=False)
    other.locator("details[data-form=reopen] summary").click()
    other.locator("details[data-form=reopen] textarea").fill("The register says nothing of it.")
    other.locator("details[data-form=reopen] button").click()
    other.wait_for_url("**done=reopen")


def live(one, stage):
    """New frames while somebody looks: a badge in the inbox, rows in the live tail."""
    one.goto(f"{stage.url}/cases?q=")
    tail = watch(one.context.new_page())
    tail.goto(f"{stage.url}/hits")
    before = tail.locator("#rows tr").count()

    def slow(route):
        # What is told while an answer is on its way must not be lost.
        time.sleep(0.7)
        route.continue_()
    tail.route("**/hits/rows*", slow)
    tail.locator("#tail").click()
    order = one.locator("tr[data-id]").evaluate_all("all => all.map(it => it.dataset.id)")
    stage.more()
    expect(one.locator("#live")).to_contain_text("new", timeout=30000)
    look(one, "live", whole=False)
    again = one.locator("tr[data-id]").evaluate_all("all => all.map(it => it.dataset.id)")
    assert order == again, "nothing moved under somebody's eyes"
    expect(tail.locator("#rows tr").nth(before)).to_be_visible(timeout=30000)
    one.locator("#live button").click()
    one.wait_for_load_state()
    assert one.locator("tr[data-id]").count() > len(order), "the new case is there"
    time.sleep(3)
    whole = watch(one.context.new_page())
    whole.goto(f"{stage.url}/hits")
    numbers = "all => all.map(it => it.dataset.number).sort()"
    there = whole.locator("#rows tr").evaluate_all(numbers)
    whole.close()
    followed = tail.locator("#rows tr").evaluate_all(numbers)
    assert len(followed) == len(set(followed)), "each once"
    assert set(there) <= set(followed), "none is missing"
    tail.close()


def unsealing(analyst, first, second, stage):
    open_case(analyst, stage)
    analyst.locator("details[data-form=request-unsealing] summary").click()
    analyst.locator("details[data-form=request-unsealing] textarea").fill("Disciplinary file 2026-7.")
    analyst.locator("details[data-form=request-unsealing] button").click()
    analyst.wait_for_url("**done=request-unsealing")
    analyst.goto(f"{stage.url}/unsealing")
    assert analyst.locator("button[value=approve-unsealing]").count() == 0
    first.goto(f"{stage.url}/unsealing")
    look(first, "unsealing")
    first.locator("button[value=approve-unsealing]").click()
    first.wait_for_load_state()
    assert "1 of 2" in first.inner_text("main")
    second.goto(f"{stage.url}/unsealing")
    second.locator("button[value=approve-unsealing]").click()
    second.wait_for_load_state()
    assert "2 of 2" in second.inner_text("main")
    with second.expect_download() as coming:
        second.get_by_role("button", name="Download the sealed records").click()
    file = os.path.join(FOLDER, "release.json")
    coming.value.save_as(file)
    # On machines of their own: one gives a share, the other opens with it.
    share = stage.run("officer", "share", file, "--key", stage.path("otto.key"))
    with open(stage.path("share.json"), "w") as out:
        out.write(share)
    told = stage.run("officer", "open", file, "--key", stage.path("olga.key"),
                     "--share", stage.path("share.json"))
    assert "a.example" in told, told
    analyst.goto(f"{stage.url}/unsealing")
    assert "released" in analyst.inner_text("main")


def main():
    os.makedirs(PICTURES, exist_ok=True)
    stage = Stage(PROGRAM, FOLDER)
    stage.begin()
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            admin = person(browser, stage, "adam", link=stage.link)
            assert admin.goto(f"{stage.url}/cases").status == 403, "an administrator sees no case"
            complaints[:] = [it for it in complaints if "403" not in it]
            anna = person(browser, stage, "anna", "analyst", "lead")
            wait_for_cases(anna, stage)
            if "--pictures" in sys.argv:
                pictures(browser, stage, anna)
            else:
                play_all(browser, stage, anna)
            browser.close()
    finally:
        stage.end()
    if complaints:
        print("\n".join(dict.fromkeys(complaints)))
        sys.exit(1)
    print("all is well")


def wait_for_cases(page, stage):
    end = time.time() + 90
    while time.time() < end:
        page.goto(f"{stage.url}/cases?q=")
        if page.locator("tr[data-id]").count() >= 6:
            return
        time.sleep(0.5)
    raise RuntimeError(f"too few cases:\n{page.inner_text('main')}\n{''.join(stage.log[-30:])}")


def play_all(browser, stage, anna):
    bert = person(browser, stage, "bert", "analyst")
    olga = person(browser, stage, "olga", "officer")
    otto = person(browser, stage, "otto", "officer")
    rita = person(browser, stage, "rita", "auditor")
    case = pictures(browser, stage, anna)
    work.rows_by_keys(bert, stage)
    bulk(bert, stage)
    work.views_of_ones_own(bert, anna, stage)
    work.suppressed_for_a_while(anna, stage, "pimeyes")
    judge(anna, "suppressed")
    work.held_and_lifted(anna, stage, case)
    work.given_to_another(anna, bert, stage, case, "bert")
    work.asked_and_not_granted(anna, olga, stage, case)
    work.a_bundle(anna, stage, case, os.path.join(FOLDER, "bundle.tar"))
    keyboard_only(bert, stage)
    two_at_once(anna, bert, stage)
    complaints[:] = [it for it in complaints if "409" not in it]
    live(anna, stage)
    unsealing(anna, olga, otto, stage)
    rita.goto(stage.url + case)
    look(rita, "auditor", whole=False)
    assert "person-" not in rita.content(), "an auditor meets no pseudonym"
    work.an_auditors_filters(rita, stage)
    judge(rita, "auditor")


def pictures(browser, stage, anna):
    open_case(anna, stage)
    case = anna.url[len(stage.url):].split("?")[0]
    all_pages(anna, stage, case, False)
    set_view(anna, "dark")
    anna.goto(stage.url + case)
    look(anna, "case-dark", whole=False)
    anna.goto(f"{stage.url}/cases")
    look(anna, "inbox-dark", whole=False)
    set_view(anna, "light")
    set_view(anna, "nl")
    set_view(anna, "local")
    anna.goto(stage.url + case)
    look(anna, "case-dutch", whole=False)
    expect(anna.locator("html")).to_have_attribute("lang", "nl")
    for path in ("/cases", "/hits", "/coverage", "/register", "/audit", "/health", "/suppressions"):
        anna.goto(stage.url + path)
        judge(anna, f"{path} in Dutch")
    set_view(anna, "en")
    set_view(anna, "utc")
    anna.set_viewport_size(PHONE)
    for name, path in {"phone-inbox": "/cases", "phone-case": case}.items():
        anna.goto(stage.url + path)
        look(anna, name)
    for path in ("/hits", "/coverage", "/vendors", "/vendors/clearview-ai", "/register", "/audit",
                 "/health", "/suppressions", "/unsealing"):
        anna.goto(stage.url + path)
        judge(anna, f"{path} on a phone")
    anna.set_viewport_size(WIDE)
    anna.goto(stage.url + case)
    anna.emulate_media(media="print")
    anna.pdf(path=os.path.join(FOLDER, "case.pdf"), format="A4")
    anna.screenshot(path=os.path.join(FOLDER, "print.png"), full_page=True)
    anna.emulate_media(media="screen")
    script_off = browser.new_context(java_script_enabled=False, viewport=WIDE,
                                     storage_state=anna.context.storage_state())
    page = script_off.new_page()
    page.goto(stage.url + case)
    assert page.locator(".evidence tbody tr").count() > 3, "readable without scripts"
    script_off.close()
    return case


if __name__ == "__main__":
    main()
