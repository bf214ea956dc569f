"""A person at a browser: Chromium, driven through chromedriver, at a person's pace.

    browser.py --profile DIR --spki HASH (--h2 | --h3 HOST,HOST) [--pace F] [--seed N]

Enters: one JSON command a line on standard input, e.g. `{"do": "open", "url": "..."}`.
Leaves: one JSON line for each, with when it began and ended (seconds since the epoch).
Never: an error that is not said: a command that failed answers `{"error": "..."}`.

Typing, reading and looking take the time they take a person: keys 0.08 to 0.35 s apart with pauses
between words and fields, reading in scrolls of 0.8 to 3 s. `--pace` shortens all pauses.
"""

import argparse
import json
import random
import sys
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

QUIET = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
         "--disable-domain-reliability", "--disable-client-side-phishing-detection", "--no-pings",
         "--disable-dev-shm-usage", "--no-default-browser-check", "--password-store=basic",
         "--disable-features=OptimizationHints,MediaRouter,Translate,CertificateTransparencyComponentUpdater",
         "--window-size=1280,900"]


class Person:
    def __init__(self, args):
        self.pace, self.rng = args.pace, random.Random(args.seed)
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for word in QUIET + [f"--user-data-dir={args.profile}",
                             f"--ignore-certificate-errors-spki-list={args.spki}"]:
            options.add_argument(word)
        if args.h3:
            options.add_argument("--origin-to-force-quic-on=" + ",".join(f"{h}:443" for h in args.h3.split(",")))
        else:
            options.add_argument("--disable-quic")
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(60)

    def rest(self, low, high):
        time.sleep(self.rng.uniform(low, high) * self.pace)

    def find(self, mark):
        return WebDriverWait(self.driver, 30).until(lambda d: d.find_element(By.ID, mark))

    def open(self, url):
        self.driver.get(url)

    def read(self, seconds):
        """Scrolls now and then."""
        end = time.time() + seconds * self.pace
        while time.time() < end:
            time.sleep(min(self.rng.uniform(0.8, 3.0), max(0.0, end - time.time())))
            self.driver.execute_script("window.scrollBy(0, arguments[0])", self.rng.randint(120, 700))

    def fill(self, fields):
        for mark, text in fields.items():
            field = self.find(mark)
            field.click()
            self.rest(0.3, 1.2)
            for letter in text:
                field.send_keys(letter)
                time.sleep(min(0.35, max(0.08, self.rng.lognormvariate(-2.0, 0.5))) * self.pace)
                if letter in " @.":
                    self.rest(0.1, 0.5)
            self.rest(0.4, 1.5)

    def choose(self, mark, path):
        self.find(mark).send_keys(path)
        self.rest(1.0, 3.0)

    def press(self, mark):
        self.find(mark).click()

    def awaited(self, selector="#said.done"):
        WebDriverWait(self.driver, 60).until(lambda d: d.find_elements(By.CSS_SELECTOR, selector))

    def about(self):
        """Protocol of every request of this page, as the browser itself reports it."""
        return self.driver.execute_script(
            "return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))"
            ".map(e => [e.nextHopProtocol, e.name])")

    def version(self):
        return self.driver.capabilities["browserVersion"]


def main():
    parser = argparse.ArgumentParser()
    for word in ("--profile", "--spki"):
        parser.add_argument(word, required=True)
    parser.add_argument("--h3", default="")
    parser.add_argument("--h2", action="store_true")
    parser.add_argument("--pace", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    person = Person(parser.parse_args())
    print(json.dumps({"ready": person.version()}), flush=True)
    for line in sys.stdin:
        words = json.loads(line)
        began, what = time.time(), words.pop("do")
        try:
            got = getattr(person, what)(**words)
            print(json.dumps({"do": what, "began": began, "ended": time.time(), "got": got}), flush=True)
        except Exception as fault:  # said, then the caller decides
            print(json.dumps({"do": what, "error": f"{type(fault).__name__}: {fault}"[:400]}), flush=True)
    person.driver.quit()


if __name__ == "__main__":
    main()
