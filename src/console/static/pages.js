// Keyboard, live updates, selection. Every page can be read without it. Nothing here makes markup
// out of text; rows of the live tail are rendered by the server, from the same template.
"use strict";

const base = document.body.dataset.base;
const one = (what, where = document) => where.querySelector(what);
const all = (what, where = document) => [...where.querySelectorAll(what)];

// --- rows: j k Enter o x ---

let here = -1;
const rows = () => all("[data-row]").filter((row) => row.offsetParent !== null);

function stand(place) {
  const list = rows();
  if (list.length === 0) return;
  here = Math.max(0, Math.min(place, list.length - 1));
  for (const row of list) row.classList.remove("here");
  const row = list[here];
  row.classList.add("here");
  row.scrollIntoView({ block: "nearest" });
  const link = one("[data-open], a, summary, button", row);
  if (link) link.focus({ preventScroll: true });
  else { row.tabIndex = -1; row.focus({ preventScroll: true }); }
}

const current = () => rows()[here];
const picks = () => all("tbody .pick input");

function counted() {
  const chosen = picks().filter((it) => it.checked).length;
  const count = one("#count");
  if (count) count.textContent = chosen ? count.dataset.text.replace("#", chosen) : "";
  const bar = one("#bulkbar");
  if (bar) bar.classList.toggle("busy", chosen > 0);
  const whole = one("#all");
  if (whole) {
    whole.checked = chosen > 0 && chosen === picks().length;
    whole.indeterminate = chosen > 0 && chosen < picks().length;
  }
}

function pick() {
  const box = current() && one(".pick input", current());
  if (box) { box.checked = !box.checked; counted(); }
}

/// A key that acts on a list acts on the selected rows, else on the one where the visitor stands.
function some() {
  if (picks().some((it) => it.checked)) return true;
  pick();
  return picks().some((it) => it.checked);
}

if (one("#all")) {
  one("#all").hidden = false;
  one("#all").addEventListener("change", (event) => {
    for (const it of picks()) it.checked = event.target.checked;
    counted();
  });
  for (const it of picks()) it.addEventListener("change", counted);
  counted();
}

// --- acts: a i c e s ---

function act(key) {
  const found = one(`[data-key="${key}"]`);
  if (!found) {
    // From a list: what has no place there has one in the case.
    const link = current() && one("[data-open]", current());
    if (link && "cs".includes(key)) location.href = `${link.href}#key-${key}`;
    return;
  }
  if (found.closest("#bulk") && !some()) return;
  if (found.matches("details")) {
    found.open = true;
    one("select, textarea, input:not([type=hidden])", found).focus();
  } else if (found.matches("select")) {
    found.focus();
  } else if (found.matches("a")) {
    found.click();
  } else if (key === "i" && found.closest("#bulk")) {
    one("input[name=to]", found.parentElement).focus();
  } else {
    found.form.requestSubmit(found);
  }
}

// Came here by a key of the list.
if (/^#key-[cs]$/.test(location.hash)) act(location.hash.slice(5));

// --- jumps and the rest ---

let going = 0;
const dialog = one("#keys");

function jump(key) {
  const link = one(`.menu [data-go="${CSS.escape(key)}"]`);
  if (link) location.href = link.href;
}

addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (event.key === "Escape" && typing) {
    event.target.blur();
    const open = event.target.closest("details[data-form]");
    if (open) open.open = false;
    return;
  }
  // In the text of a form, Ctrl+Enter sends it.
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) {
    const send = one("button[name=act]", event.target.form);
    event.target.form.requestSubmit(send);
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || (dialog && dialog.open)) return;
  const key = event.key;
  if (going && Date.now() - going < 1500) {
    going = 0;
    jump(key);
    event.preventDefault();
    return;
  }
  const row = current();
  const doings = {
    j: () => stand(here + 1),
    k: () => stand(here - 1),
    o: () => row && one("[data-open]", row) && one("[data-open]", row).click(),
    x: pick,
    a: () => act("a"),
    i: () => act("i"),
    c: () => act("c"),
    e: () => act("e"),
    s: () => act("s"),
    u: () => one("[data-up]") && one("[data-up]").click(),
    r: () => location.reload(),
    g: () => { going = Date.now(); },
    "/": () => one("#q") && (one("#q").focus(), one("#q").select()),
    "?": () => dialog && dialog.showModal(),
  };
  const doing = doings[key];
  if (doing) { event.preventDefault(); doing(); }
});

const hint = one(".keys-hint button");
if (hint) {
  hint.hidden = false;
  hint.addEventListener("click", () => dialog.showModal());
}

// --- live: what is new is told; nothing moves under somebody's eyes ---

const live = one("#live");
const place = one("[data-live]");
const about = place && place.dataset.live;
let fresh = 0;

function tell(text) {
  const show = document.createElement("button");
  show.type = "button";
  show.textContent = live.dataset.show;
  show.addEventListener("click", () => location.reload());
  live.classList.remove("off");
  live.replaceChildren(document.createTextNode(text), show);
  live.hidden = false;
}

const wanted = {
  cases: (it) => !it.kind || (it.case && ["case", "triage", "hold"].includes(it.kind)) || it.kind === "triage",
  hits: (it) => !it.kind || it.kind === "hit",
  unsealing: (it) => !it.kind || it.kind === "unsealing",
  suppressions: (it) => !it.kind || it.kind === "triage",
};

const touched = new Set();

function changed(event) {
  heard(JSON.parse(event.data));
}

/// `{}`: something changed, it cannot be said what.
function heard(it) {
  if (about === "case") {
    const shown = one("[data-case]").dataset.case;
    if (!it.kind || it.case === shown) tell(live.dataset.changed);
    return;
  }
  if (!wanted[about](it)) return;
  if (about === "hits" && tailing) { follow(); return; }
  // Ten entries about one case are one thing that is new.
  if (it.case) touched.add(it.case);
  else fresh += 1;
  tell(live.dataset.new.replace("#", fresh + touched.size));
}

// The live tail of hits.
let tailing = false;
let asking = false;
let again = false;
const tail = one("#tail");
/// Rows of one answer; a full one may not be all.
const ROWS_MAX = 50;

/// One question at a time. What is told while it is on its way is asked for behind it.
async function follow() {
  again = true;
  if (asking) return;
  asking = true;
  try {
    while (again && tailing) {
      again = false;
      const found = await fetched();
      if (found === ROWS_MAX) again = true;
    }
  } catch {
    // Nothing is hidden by a failure: the page says that something is new.
    fresh += 1;
    tell(live.dataset.new.replace("#", fresh + touched.size));
  } finally {
    asking = false;
  }
}

async function fetched() {
  // The list is sorted by packet time: the newest entry need not stand first.
  const from = Math.max(-1, ...all("#rows [data-number]").map((it) => Number(it.dataset.number))) + 1;
  const ask = new URLSearchParams({ q: one("#q").value, from });
  const answer = await fetch(`${base}/hits/rows?${ask}`);
  if (!answer.ok) throw new Error(`rows: ${answer.status}`);
  const parsed = new DOMParser().parseFromString(`<table><tbody>${await answer.text()}</tbody></table>`, "text/html");
  const found = all("tr", parsed);
  for (const row of found) row.classList.add("fresh");
  if (found.length) {
    place.hidden = false;
    const empty = one(".empty");
    if (empty) empty.remove();
  }
  one("#rows").prepend(...found);
  for (const old of all("#rows tr").slice(500)) old.remove();
  return found.length;
}

if (tail) {
  tail.hidden = false;
  tail.addEventListener("click", () => {
    tailing = !tailing;
    tail.setAttribute("aria-pressed", tailing);
    tail.textContent = tailing ? tail.dataset.off : tail.dataset.on;
    if (tailing) follow();
  });
}

if (about) {
  const source = new EventSource(`${base}/events`);
  source.addEventListener("changed", changed);
  source.addEventListener("behind", () => heard({}));
  let since = 0;
  source.addEventListener("open", () => { since = 0; if (live.classList.contains("off")) live.hidden = true; });
  source.addEventListener("error", () => {
    since = since || Date.now();
    // A source that comes back by itself within seconds is no news.
    setTimeout(() => {
      if (since && Date.now() - since > 9000 && live.hidden) {
        live.classList.add("off");
        live.textContent = live.dataset.off;
        live.hidden = false;
      }
    }, 10000);
  });
  addEventListener("pagehide", () => source.close());
}
