// What the shell adds where scripts run; every page works without it. Nothing here makes markup out
// of text, and nothing is fetched from elsewhere.
"use strict";

// The answer of a form that holds a secret must not stay behind in the history's cache.
addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector(".secret, .qr")) {
    location.reload();
  }
});

// A one-time link or token is selected whole by one click.
for (const secret of document.querySelectorAll(".secret")) {
  secret.addEventListener("click", () => getSelection().selectAllChildren(secret));
}

// A form that was sent is not sent twice by an impatient second click.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
    }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 3000);
  });
}
