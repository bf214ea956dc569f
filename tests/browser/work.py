"""The rest of a desk's work in a real browser: rules with an end, views of one's own, holds, cases
given to others, requests that are refused or taken back, and an auditor's filters.

Enters: pages of people who are signed in, the stage. Leaves: nothing, or a failed assertion. Never:
judges or draws a page (drive.py does).
"""

import re

from playwright.sync_api import expect


def ids(page):
    return page.locator("tr[data-id]").evaluate_all("all => all.map(it => it.dataset.id)")


def rows_by_keys(page, stage):
    """j goes down, k up, and neither beyond the ends."""
    page.goto(f"{stage.url}/cases?q=")
    order = ids(page)
    assert len(order) >= 3, order
    at = lambda: page.locator("tr.here").get_attribute("data-id")
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1), ("k", 0), ("k", 0)):
        page.keyboard.press(key)
        assert at() == order[place], (key, place, at(), order)


def suppressed_for_a_while(page, stage, vendor):
    """By the key s: from the list to the case, from there to a rule for cases like it."""
    page.goto(f"{stage.url}/cases?q=vendor:{vendor}")
    case = ids(page)[0]
    page.keyboard.press("j")
    page.keyboard.press("s")
    page.wait_for_url("**/suppressions?filter=*")
    form = page.locator("form", has=page.locator("[name=filter]")).last
    filter_text = form.locator("[name=filter]").input_value()
    assert f"vendor:{vendor}" in filter_text, filter_text
    form.locator("[name=text]").fill("Known study, ticket 9.")
    form.locator("[name=days]").fill("7")
    form.locator("button[name=act]").click()
    page.wait_for_url("**/suppressions")
    rule = page.locator("tr[data-row]", has_text="ticket 9")
    assert re.search(r"\d{4}-\d\d-\d\d", rule.inner_text()), "its end is told"
    expect(rule).to_contain_text("force")
    page.goto(f"{stage.url}/cases")
    assert case not in ids(page), "nothing to do there"
    page.goto(f"{stage.url}/cases?q=suppressed:yes")
    assert case in ids(page), "and not gone"
    page.goto(f"{stage.url}/suppressions")
    rule = page.locator("tr[data-row]", has_text="ticket 9")
    rule.locator("[name=text]").fill("The study is over.")
    rule.locator("button[value=unsuppress]").click()
    page.wait_for_load_state()
    page.goto(f"{stage.url}/cases?q=suppressed:yes")
    assert case not in ids(page), "the rule was ended"


def views_of_ones_own(page, other, stage):
    """Kept by name, one click away, for nobody else, and gone when they are deleted."""
    page.goto(f"{stage.url}/cases?q=vendor:pimeyes")
    page.locator("details.keep summary").click()
    page.locator("details.keep [name=name]").fill("My <b>vendor</b>")
    page.locator("details.keep button").click()
    page.wait_for_load_state()
    own = page.locator("nav.views li.own")
    expect(own).to_have_count(1)
    expect(own).to_contain_text("My <b>vendor</b>")
    page.goto(f"{stage.url}/cases")
    page.locator("nav.views li.own a").click()
    page.wait_for_url("**q=vendor**")
    assert page.locator("#q").input_value() == "vendor:pimeyes"
    other.goto(f"{stage.url}/cases")
    expect(other.locator("nav.views li.own")).to_have_count(0)
    page.locator("nav.views li.own button").click()
    page.wait_for_load_state()
    expect(page.locator("nav.views li.own")).to_have_count(0)


def send(page, act, done=True, **fields):
    """One of the forms beside a case."""
    form = page.locator(f"details[data-form={act}]")
    form.locator("summary").click()
    for name, value in fields.items():
        form.locator(f"[name={name}]").fill(value)
    form.locator(f"button[value={act}]").click()
    page.wait_for_load_state()
    if done:
        page.wait_for_url(f"**done={act}")


def held_and_lifted(page, stage, case):
    page.goto(stage.url + case)
    send(page, "hold", text="Asked for by the regulator.", days="30")
    expect(page.locator("dl.facts").first).to_contain_text("until")
    page.goto(f"{stage.url}/cases?q=held:yes")
    assert case.split("/")[-1] in ids(page)
    page.goto(stage.url + case)
    send(page, "lift-hold", text="Answered.")
    page.goto(f"{stage.url}/cases?q=held:yes")
    assert case.split("/")[-1] not in ids(page)


def given_to_another(page, other, stage, case, name):
    """And the other one finds it under "mine"."""
    page.goto(stage.url + case)
    send(page, "assign", to=name)
    expect(page.locator("ol.history")).to_contain_text(name)
    other.goto(f"{stage.url}/cases?q=assignee:{name}")
    assert case.split("/")[-1] in ids(other)
    page.goto(stage.url + case)
    send(page, "assign", to="")
    other.goto(f"{stage.url}/cases?q=assignee:{name}")
    assert case.split("/")[-1] not in ids(other)


def asked_and_not_granted(analyst, officer, stage, case):
    """One request is taken back by who asked, the next is refused by an officer."""
    for who, button, why in ((analyst, "Withdraw", "Asked elsewhere."),
                             (officer, "Refuse", "The reason does not carry it.")):
        analyst.goto(stage.url + case)
        send(analyst, "request-unsealing", text=f"File of {why}")
        who.goto(f"{stage.url}/unsealing")
        form = who.locator("form", has=who.get_by_role("button", name=button)).first
        form.locator("[name=text]").fill(why)
        form.get_by_role("button", name=button).click()
        who.wait_for_load_state()
        assert "403" not in who.title() and "not include this" not in who.inner_text("main")
        request = who.locator("section.request", has_text=why).first
        expect(request).to_contain_text("refused")
        expect(request.locator("button[value=approve-unsealing]")).to_have_count(0)


def a_bundle(page, stage, case, file):
    """Downloaded beside a case, and it verifies."""
    page.goto(stage.url + case)
    form = page.locator("details[data-form=export]")
    form.locator("summary").click()
    form.locator("[name=text]").fill("Inquiry 7 of the regulator.")
    with page.expect_download() as coming:
        form.get_by_role("button").click()
    coming.value.save_as(file)
    stage.run("verify", file)


def an_auditors_filters(page, stage):
    """Those one click away work; a word that could name a person does not; a subject has one label."""
    page.goto(f"{stage.url}/cases?q=")
    links = page.locator("nav.views a").evaluate_all("all => all.map(it => it.href)")
    assert len(links) >= 8, links
    for link in links:
        page.goto(link)
        expect(page.locator("main")).not_to_contain_text("cannot be read")
    for asked in ("policy", "%22policy%22", "-policy", "unit:policy", "subject:person*"):
        page.goto(f"{stage.url}/cases?q={asked}")
        expect(page.locator("main")).to_contain_text("withheld")
        assert page.locator("tr[data-id]").count() == 0, asked
    page.goto(f"{stage.url}/cases?q=")
    label = re.search(r"subject [0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4}", page.inner_text("main")).group(0)
    row = page.locator("tr[data-id]", has_text=label).first
    row.locator("a[data-open]").click()
    page.wait_for_load_state()
    expect(page.locator("main")).to_contain_text(label)
    assert "person-" not in page.content()
