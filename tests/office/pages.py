"""The stand-in for vendors and a newspaper: what their pages weigh and what their forms do.

    pages.py PORT STATE MX

Enters: HTTP/1.1 requests from the fronts (nginx, h3front.py) on loopback of the world's namespace.
Leaves: pages, and mail by SMTP to MX. Never: knows more of the real sites than their host names and
the public paths that the catalogue cites; the pages are our own.

Sizes are those of ordinary sites: a front page of one to two megabytes in twenty requests, an
application of one bundle; dynamic answers take 0.1 to 0.5 s, a search 1.5 to 4 s.
"""

import hashlib
import json
import os
import random
import smtplib
import sys
import threading
import time
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VENDORS = {
    "kairos": {"front": "www.kairos.com", "account": "developer.kairos.com", "api": "api.kairos.com",
               "thumbs": "api.kairos.com", "from": "no-reply@kairos.com", "name": "Kairos"},
    "pimeyes": {"front": "pimeyes.com", "account": "pimeyes.com", "api": "pimeyes.com",
                "thumbs": "jsc5.pimeyes.com", "from": "no-reply@mg.pimeyes.com", "name": "PimEyes"},
    "clearview-ai": {"front": "www.clearview.ai", "account": "app.clearview.ai", "api": "app.clearview.ai",
                     "thumbs": "app.clearview.ai", "from": "no-reply@clearview.ai", "name": "Clearview"},
}
HOSTS = {
    "www.kairos.com": "198.51.100.81", "kairos.com": "198.51.100.81",
    "developer.kairos.com": "198.51.100.82", "api.kairos.com": "198.51.100.83",
    "www.clearview.ai": "198.51.100.84", "clearview.ai": "198.51.100.84",
    "app.clearview.ai": "198.51.100.85",
    "pimeyes.com": "198.51.100.86", "www.pimeyes.com": "198.51.100.86", "jsc5.pimeyes.com": "198.51.100.87",
    "www.newspaper.example": "198.51.100.80", "static.newspaper.example": "198.51.100.88",
    "intranet.example": "198.51.100.89",
}
OF_HOST = {vendor[role]: name for name, vendor in VENDORS.items() for role in ("front", "account", "api", "thumbs")}


def noise(size, seed):
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def asset(path):
    """`/static/NAME.SIZE.EXT`: a file of that size and kind."""
    _, size, kind = path.rsplit(".", 2)
    size = int(size)
    if kind == "js":
        text = "/*" + hashlib.sha256(path.encode()).hexdigest() * (size // 64) + "*/"
        return "text/javascript", text[:size - 2].encode() + b"*/"
    if kind == "css":
        return "text/css", ("/*" + "body{margin:0}" * (size // 14)).encode()[:size - 2] + b"*/"
    if kind == "woff2":
        return "font/woff2", noise(size, path)
    return "image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01" + noise(size - 12, path)


def sizes(seed, count, low, high):
    rng = random.Random(seed)
    return [rng.randint(low, high) for _ in range(count)]


def head(title, host, scripts, css):
    links = "".join(f'<link rel=stylesheet href="/static/{host}-c{i}.{s}.css">' for i, s in enumerate(css))
    code = "".join(f'<script defer src="/static/{host}-j{i}.{s}.js"></script>' for i, s in enumerate(scripts))
    return (f"<!doctype html><meta charset=utf-8><title>{title}</title><link rel=icon href=/static/icon.4200.jpg>"
            f"{links}{code}<h1>{title}</h1>")


def pictures(host, count, low, high):
    return "".join(f'<img width=300 height=200 src="/static/{host}-p{i}.{s}.jpg">'
                   for i, s in enumerate(sizes(host, count, low, high)))


def words(count, seed):
    rng = random.Random(seed)
    return " ".join(rng.choice(["people", "city", "report", "letter", "minister", "system", "letter", "question",
                                "years", "photo", "company", "answer", "officer", "trial"]) for _ in range(count))


FORM_CODE = """<script>
async function deliver(form) {
  const to = form.dataset.to, said = document.getElementById('said');
  let body, headers = {};
  if (form.dataset.as === 'json') {
    headers['content-type'] = 'application/json';
    body = JSON.stringify(Object.fromEntries(new FormData(form)));
  } else body = new FormData(form);
  const options = {method: 'POST', body, headers};
  const answer = await fetch(to, options);
  const got = await answer.json();
  if (got.thumbs) {
    await Promise.all(got.thumbs.map(one => fetch(one, {mode: 'no-cors'}).then(r => r.blob()).catch(() => 0)));
  }
  if (got.next) { location = got.next; return; }
  said.textContent = got.said; said.className = 'done';
}
</script>"""


def form(to, fields, button="Send", kind="json", title=""):
    """With a token against forgery, and on some loads one of a captcha, as forms in public carry."""
    captcha = random.choice([0, 0, 500, 2000])
    inputs = f'<input type=hidden name=csrf value={random.getrandbits(256):064x}>'
    if captcha:
        inputs += f'<input type=hidden name=captcha value={random.randbytes(captcha // 2).hex()}>'
    for field in fields:
        sort = {"password": "password", "mail": "email", "photo": "file", "document": "file"}.get(field, "text")
        inputs += f'<p><label>{field} <input id={field} name={field} type={sort}></label>'
    return (f'{FORM_CODE}<h2>{title}</h2><form data-to="{to}" data-as={kind} '
            f'onsubmit="event.preventDefault(); deliver(this)">{inputs}'
            f'<p><button id=send>{button}</button></form><p id=said></p>')


def front(vendor):
    v, host = VENDORS[vendor], VENDORS[vendor]["front"]
    text = head(v["name"], host, sizes(host + "j", 5, 40_000, 320_000), sizes(host + "c", 2, 30_000, 110_000))
    text += f'<p>{words(900, host)}<p><a id=start href="https://{v["account"]}/signup">Start</a>'
    text += pictures(host, 9, 25_000, 190_000)
    return text + form("/api/newsletter", ["mail"], "Subscribe", title="Newsletter")


def application(vendor, title, inner):
    """A page of the application: one large bundle, as single-page applications ship it."""
    host = VENDORS[vendor]["account"]
    return head(title, host + "-app", [sizes(vendor, 1, 850_000, 1_600_000)[0], 145_000], [96_000]) + inner


def page(vendor, host, path):
    """The page at a vendor's path; `None` when there is none."""
    v = VENDORS[vendor]
    if path == "/":
        return front(vendor)
    if path == "/demo":
        return front(vendor) + form("/api/demo", ["name", "mail", "company", "phone", "message"], "Book a demo")
    if path == "/en/opt-out-request-form":
        return application(vendor, "Opt-out request", form(
            "/api/opt-out", ["name", "mail", "message", "photo", "document"], kind="parts"))
    inner = {
        "/signup": lambda: form("/api/register", ["name", "mail", "password", "company"], "Create account"),
        "/login": lambda: form("/api/login", ["mail", "password"], "Log in"),
        "/forgot": lambda: form("/api/forgot", ["mail"], "Send link"),
        "/reset": lambda: form("/api/reset", ["password"], "Set password"),
        "/verify": lambda: "<p id=said class=done>Your address is confirmed. <a id=login href=/login>Log in</a>",
        "/admin": lambda: "<p id=said class=done>Welcome.<a id=try href=/admin/try>Try it</a>" + pictures(
            "admin", 3, 8_000, 30_000) + "<script>for (const one of ['usage','keys','plan']) fetch('/api/me/'+one)</script>",
        "/admin/try": lambda: form(f"https://{v['api']}/recognize" if vendor == "kairos" else "/api/search",
                                   ["photo"], "Search", kind="parts"),
    }.get(path)
    return application(vendor, f'{v["name"]} {path[1:]}', inner()) if inner else None


def article(hints):
    """A newspaper article about vendors: links to them, and the resource hints asked for."""
    host = "www.newspaper.example"
    links = "".join(f'<p>{words(120, v)} <a href="https://{VENDORS[v]["front"]}/">{VENDORS[v]["name"]}</a>'
                    for v in VENDORS)
    text = head("The trial accounts", host, sizes(host, 6, 30_000, 210_000), sizes(host, 2, 30_000, 90_000))
    return text.replace("<h1>", hints + "<h1>") + f"<p>{words(700, 1)}{links}{pictures(host, 8, 20_000, 150_000)}"


HINTS = {
    "/article": '<link rel=preconnect href="https://www.kairos.com"><link rel=dns-prefetch href="https://pimeyes.com">'
                '<link rel=preconnect href="https://app.clearview.ai" crossorigin>',
    "/article-prefetch": '<link rel=prefetch href="https://www.kairos.com/"><link rel=prefetch href="https://pimeyes.com/">',
    "/article-plain": "",
}


class State:
    """Accounts and tokens: enough to make the mails and the links true."""

    def __init__(self, folder, mx):
        self.folder, self.mx, self.lock = folder, mx, threading.Lock()
        os.makedirs(folder, exist_ok=True)

    def mail(self, vendor, to, subject, link):
        if not self.mx or "@" not in to:
            return
        v = VENDORS[vendor]
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = v["from"], to, subject
        letter["Message-ID"] = f"<{random.getrandbits(64):x}@{v['from'].split('@')[1]}>"
        letter.set_content(f"Hello,\n\nplease open this link:\n{link}\n\nYours, {v['name']}\n")
        letter.add_alternative(f"<p>Hello,<p><a href=\"{link}\">please open this link</a><p>{words(400, link)}",
                               subtype="html")

        def deliver():
            time.sleep(random.uniform(0.8, 2.5))
            with smtplib.SMTP(self.mx, 25, local_hostname="mx-out." + v["from"].split("@")[1], timeout=20) as smtp:
                smtp.send_message(letter, from_addr=v["from"], to_addrs=[to])
        threading.Thread(target=deliver, daemon=True).start()


def post(state, vendor, host, path, body):
    """What a form or an upload brings: the answer as a JSON value."""
    v = VENDORS[vendor]
    given = json.loads(body) if body[:1] == b"{" else {}
    token = f"{random.getrandbits(160):040x}"
    if path == "/api/register":
        state.mail(vendor, given.get("mail", ""), "Confirm your address", f"https://{v['account']}/verify?token={token}")
        return {"said": "Check your inbox.", "id": token}
    if path == "/api/forgot":
        state.mail(vendor, given.get("mail", ""), "Set a new password", f"https://{v['account']}/reset?token={token}")
        return {"said": "Check your inbox."}
    if path == "/api/login":
        return {"said": "Welcome.", "token": token * 8}
    if path in ("/recognize", "/api/search", "/api/upload"):
        time.sleep(random.uniform(1.5, 4))
        found = random.randint(8, 40)
        thumbs = [f"https://{v['thumbs']}/static/{token[:8]}{i}.{random.randint(4_000, 26_000)}.jpg"
                  for i in range(found)]
        results = [{"score": random.random(), "url": f"https://{hashlib.sha1(t.encode()).hexdigest()}.example/{i}",
                    "thumb": t, "box": [random.randint(0, 900) for _ in range(4)]} for i, t in enumerate(thumbs)]
        return {"said": f"{found} results", "results": results, "thumbs": thumbs}
    return {"said": "Thank you.", "id": token}


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state = None

    def reply(self, status, kind, body, extra=()):
        self.send_response(status)
        for name, value in (("content-type", kind), ("content-length", str(len(body))),
                            ("cache-control", "private, max-age=0" if kind.startswith("text/html") else "max-age=600"),
                            ("strict-transport-security", "max-age=600"), ("x-request-id", os.urandom(16).hex()),
                            ("access-control-allow-origin", "*"), *extra):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def where(self):
        host = self.headers.get("x-host") or self.headers.get("host", "")
        return host, self.path.split("?")[0]

    def do_GET(self):
        host, path = self.where()
        time.sleep(random.uniform(0.01, 0.05))
        if path.startswith("/static/"):
            return self.reply(200, *asset(path))
        if path in HINTS and host.endswith("newspaper.example"):
            return self.reply(200, "text/html", article(HINTS[path]).encode())
        vendor = OF_HOST.get(host)
        time.sleep(random.uniform(0.05, 0.4))
        if vendor and path.startswith("/api/me/"):
            return self.reply(200, "application/json", json.dumps({"rows": noise(700, path).hex()}).encode())
        text = page(vendor, host, path) if vendor else None
        if text is None:
            return self.reply(404, "text/html", b"<h1>not here</h1>")
        cookies = [("set-cookie", f"{name}={random.getrandbits(bits):x}; Secure; Path=/")
                   for name, bits in (("visitor", 128), ("ab", 64), ("consent", 512))]
        self.reply(200, "text/html", text.encode(), cookies)

    do_HEAD = do_GET

    def do_OPTIONS(self):
        self.reply(204, "text/plain", b"", (("access-control-allow-methods", "POST"),
                                            ("access-control-allow-headers", "content-type, app_id, app_key")))

    def do_POST(self):
        host, path = self.where()
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        time.sleep(random.uniform(0.1, 0.5))
        vendor = OF_HOST.get(host)
        if vendor is None:
            return self.reply(404, "text/html", b"")
        answer = json.dumps(post(self.state, vendor, host, path, body)).encode()
        cookie = [("set-cookie", f"session={'%0128x' % random.getrandbits(512)}; Secure; HttpOnly; Path=/")]
        self.reply(200, "application/json", answer, cookie if path == "/api/login" else ())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    Answer.state = State(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "")
    ThreadingHTTPServer.request_queue_size = 128
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
