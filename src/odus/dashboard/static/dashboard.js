// What the Dashboard does beyond its pages: everything works without it, less comfortably.
"use strict";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);

// Times, in the viewer's own zone and language.
const zone = { dateStyle: "medium", timeStyle: "long" };
const exact = new Intl.DateTimeFormat(undefined, zone);
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" }); // one that is the same in every zone
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const AHEAD = Number(document.body.dataset.ahead ?? 0); // seconds by which a test clock is ahead of everybody's
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

function ago(at) {
  const seconds = (at - Date.now()) / 1000 - AHEAD;
  if (Math.abs(seconds) < 45) return relative.format(0, "second");
  if (Math.abs(seconds) > 7 * 86400) return day.format(at);
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return relative.format(Math.round(seconds / size), unit);
}

function tellTimes(root = document) {
  for (const time of all("time[data-show]", root)) {
    const at = new Date(time.dateTime);
    if (time.dataset.show === "date") { time.textContent = date.format(at); continue; }
    time.title = exact.format(at);
    time.textContent = time.dataset.show === "relative" ? ago(at) : (time.dataset.show === "day" ? day : short).format(at);
  }
}

// Amounts, as the viewer's language writes them.
function tellAmounts(root = document) {
  for (const amount of all("data[data-currency]", root)) {
    const digits = Number(amount.dataset.digits);
    const style = { style: "currency", currency: amount.dataset.currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
    amount.textContent = new Intl.NumberFormat(undefined, style).format(amount.value);
  }
}

// What a form would send.
const typed = (form) => new URLSearchParams(new FormData(form)).toString();

// What happened, said and shown for a moment.
function tell(text) {
  const note = document.createElement("div");
  note.className = "toast-note";
  note.textContent = text;
  one("#toasts").append(note);
  setTimeout(() => note.remove(), 3000);
}

// What a page that is left wants the next one to say, and where to go on.
function remember(text, focus) {
  try { sessionStorage.setItem("after", JSON.stringify({ path: location.pathname, text, focus, top: scrollY })); } catch { /* it is not said */ }
}

// What is typed and was not sent is not lost without a question, wherever one goes.
let leaving = false; // on purpose: what is typed is to go
let gone = null; // the form that was sent
function isChanged(field) {
  if (field.matches("select")) {
    const options = [...field.options];
    return options.some((option) => option.defaultSelected) ? options.some((option) => option.selected !== option.defaultSelected) : field.selectedIndex > 0;
  }
  return field.matches("[type=checkbox], [type=radio]") ? field.checked !== field.defaultChecked : field.matches("input, textarea") && field.value !== field.defaultValue;
}
function isUnsaved(form) {
  if (form === gone) return false;
  if (form.matches("[data-meta]")) return one("[data-meta-discard]:not([hidden])", form) !== null;
  return [...form.elements].some(isChanged) || one("[aria-invalid], .theirs", form) !== null; // one that was refused holds what was typed before
}
addEventListener("beforeunload", (event) => {
  if (!leaving && all("#main form[method=post], #dialog[open] form[method=post]").some(isUnsaved)) event.preventDefault();
});
addEventListener("pageshow", () => { leaving = false; gone = null; });
function goOn() {
  let after = null;
  try { after = JSON.parse(sessionStorage.getItem("after")); sessionStorage.removeItem("after"); } catch { /* nothing was said */ }
  if (after?.path !== location.pathname) return;
  scrollTo(0, after.top);
  if (after.focus) one(after.focus)?.focus({ preventScroll: true });
  tell(after.text);
}

// Dialogs: a page's form, shown over the page that one is on.
let opener = null;
const ADD = "[data-meta-add]"; // what has the focus after the metadata itself was changed
function dialog() {
  let shown = one("#dialog");
  if (!shown) {
    shown = document.createElement("dialog");
    shown.id = "dialog";
    document.body.append(shown);
    // A click beside it loses nothing: what could be typed into, or is shown once, stays.
    shown.addEventListener("click", (event) => { if (event.target === shown && !one("form[method=post], .secret", shown)) shown.close(); });
    shown.addEventListener("cancel", (event) => {
      const form = one("form[method=post]", shown);
      if (!form || shown.dataset.warned || !isUnsaved(form)) return;
      event.preventDefault();
      shown.dataset.warned = "yes";
      warn(shown, "What you typed is not saved. Press Escape again to discard it.");
    });
    shown.addEventListener("close", () => { if (one(".secret", shown)) location.reload(); });
  }
  return shown;
}

async function showForm(response) {
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const form = one("#form", page);
  if (response.redirected && !form) { location.assign(response.url); return; }
  if (!form) { refused(page); return; }
  const shown = dialog();
  shown.replaceChildren(document.adoptNode(form));
  tellTimes(shown);
  tellAmounts(shown);
  const title = one("h1", shown);
  if (title) { title.id = "dialog-title"; shown.setAttribute("aria-labelledby", title.id); }
  delete shown.dataset.warned;
  if (!shown.open) shown.showModal();
  (one("[aria-invalid]", shown) ?? one("input:not([type=hidden]), button", shown))?.focus();
}

// An answer without a form says why: in the dialog, whose fields stay as they were typed.
function reason(page) {
  const parts = all(".state h1, .state p:not(.state-code)", page).map((part) => part.textContent.trim().replace(/\s+/g, " "));
  return parts.slice(0, -1).join(" · ") || "That did not work.";
}

function refused(page) {
  const said = reason(page);
  const shown = one("#dialog[open]");
  if (!shown) { tell(said); return; }
  const alert = warn(shown, said);
  const entry = one("[data-sign-in]", page);
  if (entry) alert.append(" ", entry);
}

function warn(shown, said) {
  one("[data-refused]", shown)?.remove();
  const alert = Object.assign(document.createElement("div"), { className: "alert alert-danger", role: "alert", textContent: said });
  alert.dataset.refused = "";
  one("h1", shown).after(alert);
  alert.scrollIntoView({ block: "nearest" });
  return alert;
}

async function send(form, action, submitter) {
  const response = await fetch(action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form, submitter)),
    headers: { Accept: "text/html" },
  });
  if (response.redirected) {
    const here = location.pathname + location.search;
    const there = new URL(response.url);
    remember("Saved", opener);
    gone = form;
    leaving = opener === ADD;
    if (there.pathname + there.search !== here) location.assign(there);
    else if (opener !== ADD && one("[data-meta-discard]:not([hidden])")) renew(await response.text());
    else location.reload();
    return;
  }
  await showForm(response);
}

// The page as it is now, around the metadata that is being typed.
function renew(text) {
  const main = one("#main", new DOMParser().parseFromString(text, "text/html"));
  one("#dialog").close();
  one("#metadata", main)?.replaceWith(one("#metadata"));
  one("#main").replaceWith(document.adoptNode(main));
  tellTimes();
  tellAmounts();
  goOn();
}

const failed = () => tell("That did not work: the server could not be reached.");
// What was sent may have been done, where only the answer was lost.
const lost = () => {
  const said = "No answer came: we cannot tell whether it was saved. What you typed is still here.";
  const shown = one("#dialog[open]");
  if (shown && one("h1", shown)) warn(shown, said); else tell(said);
};

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  let found;
  if ((found = at("[data-copy]"))) {
    navigator.clipboard.writeText(found.dataset.copy).then(() => tell("Copied"), () => tell("The browser did not let this be copied."));
  } else if (at("[data-theme-switch]")) {
    const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
    const isOfSystem = matchMedia("(prefers-color-scheme: dark)").matches === (next === "dark");
    document.documentElement.dataset.bsTheme = next;
    try { if (isOfSystem) localStorage.removeItem("theme"); else localStorage.setItem("theme", next); } catch { /* it lasts for this page */ }
  } else if ((found = at("a[data-dialog]")) && plain) {
    event.preventDefault();
    found.focus();
    opener = `a[data-dialog][href="${CSS.escape(found.getAttribute("href"))}"]`;
    fetch(found.href).then(showForm).catch(failed);
  } else if ((found = at("[data-clear]"))) {
    event.preventDefault();
    opener = ADD;
    found.value = one("[data-meta-discard]:not([hidden])") ? "yes" : "";
    send(found.form, found.form.action, found).catch(failed); // it asks first
  } else if ((found = at("#main a[data-close]")) && plain) {
    leaving = true;
  } else if ((found = at("dialog [data-close]")) && plain) {
    event.preventDefault();
    found.closest("dialog").close();
  } else if ((found = at("tr[data-row]")) && !at("a, button, input, select")) {
    const link = one(".row-link", found);
    if (plain && !getSelection().toString()) link.click();
    else if (event.ctrlKey || event.metaKey) open(link.href, "_blank");
  }
});

document.addEventListener("auxclick", (event) => {
  const row = event.button === 1 && !event.target.closest("a, button, input, select") && event.target.closest("tr[data-row]");
  if (row) open(one(".row-link", row).href, "_blank");
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.closest("dialog") && form.method === "post") {
    event.preventDefault();
    if (form.dataset.sending) return;
    form.dataset.sending = "yes";
    send(form, event.submitter?.hasAttribute("formaction") ? event.submitter.formAction : form.action, event.submitter)
      .catch(lost)
      .finally(() => delete form.dataset.sending);
  } else if (form.hasAttribute("data-once")) {
    if (form.dataset.sending) { event.preventDefault(); return; }
    form.dataset.sending = "yes";
    if (form.hasAttribute("data-meta")) remember("Saved", ADD);
    setTimeout(() => delete form.dataset.sending, 20000);
  }
  if (!event.defaultPrevented) gone = form;
});
addEventListener("pageshow", () => all("form[data-sending]").forEach((form) => delete form.dataset.sending));

// A filter's panel opens below its button.
function place(panel) {
  const box = one(`[popovertarget="${panel.id}"]`).closest(".chip").getBoundingClientRect();
  panel.style.left = `${Math.max(8, Math.min(box.left, innerWidth - panel.offsetWidth - 8))}px`;
  panel.style.top = `${Math.min(box.bottom + 6, Math.max(8, innerHeight - panel.offsetHeight - 8))}px`;
}
let isFresh = false; // the first filter that a panel makes is a step to go back from, and what is typed on is none
document.addEventListener("toggle", (event) => {
  const panel = event.target;
  if (!panel.matches?.(".filter-panel")) return;
  if (event.newState === "open") { isFresh = true; place(panel); }
  // What opened the panel may have become a chip meanwhile, so that the browser cannot give the focus back.
  else if (document.activeElement === document.body || panel.contains(document.activeElement)) one(`[popovertarget="${panel.id}"]`)?.focus();
}, true);
// What was applied, and not only typed, is done with: its panel closes when the answer has come.
let applied = null;
document.addEventListener("submit", (event) => { if (event.target.matches(".filter-form")) applied = event.target.parentElement.id; });
document.addEventListener("input", (event) => { if (event.target.closest(".filter-form")) applied = null; });
document.addEventListener("htmx:response:error", () => { applied = null; });
document.addEventListener("htmx:after:swap", () => {
  if (applied) one(`#${CSS.escape(applied)}:popover-open`)?.hidePopover();
  applied = null;
});
document.addEventListener("htmx:before:history:update", ({ detail: { history: update } }) => {
  if (isFresh) update.type = "push";
  isFresh = false;
});

// The metadata editor: a form of its own, or a part of one that makes something new.
const LIMIT = 50;
const LONGEST_KEY = 40;
const LONGEST_VALUE = 500;
const lengthOf = (text) => [...text].length;
function editor(form) {
  const rows = one("[data-meta-rows]", form);
  const note = one("[data-meta-note]", form);
  const save = one("[data-meta-save]", form);
  const discard = one("[data-meta-discard]", form);
  const count = one("[data-meta-count]");
  const field = (row, name) => one(`[name=${name}]`, row);
  const isNew = (row) => !field(row, "wasKey").value;
  const isGone = (row) => row.hasAttribute("data-gone");
  const isEdited = (row) => isGone(row) ? !isNew(row)
    : field(row, "key").value !== field(row, "wasKey").value || field(row, "value").value !== field(row, "wasValue").value;

  function wrong(row, keys) {
    const key = field(row, "key").value;
    if (isGone(row) || (isNew(row) && !key && !field(row, "value").value)) return "";
    if (!key) return isNew(row) ? "A value needs a key." : "";
    if (lengthOf(key) > LONGEST_KEY) return `A key has at most ${LONGEST_KEY} characters; this one has ${lengthOf(key)}.`;
    const length = lengthOf(field(row, "value").value);
    if (length > LONGEST_VALUE) return `A value has at most ${LONGEST_VALUE} characters; that of ${key} has ${length}.`;
    if (/[[\]]/.test(key)) return "A key has no brackets: [ and ] are reserved.";
    if (keys.filter((other) => other === key).length > 1) return `The key ${key} stands twice.`;
    return "";
  }

  function look() {
    const shown = all("[data-meta-row]", rows);
    const present = shown.filter((row) => !isGone(row) && field(row, "key").value && field(row, "value").value);
    const keys = shown.filter((row) => !isGone(row)).map((row) => field(row, "key").value).filter(Boolean);
    const faults = shown.map((row) => {
      const fault = wrong(row, keys);
      if (!fault && one(".invalid-feedback", row)) return fault; // what the server said of it holds until it is edited
      for (const name of ["key", "value"]) field(row, name).removeAttribute("aria-invalid");
      if (fault) field(row, fault.startsWith("A value has") ? "value" : "key").setAttribute("aria-invalid", "true");
      return fault;
    }).filter(Boolean);
    if (present.length > LIMIT) faults.push(`There can be ${LIMIT} keys; these are ${present.length}.`);
    for (const row of shown) row.classList.toggle("changed", isEdited(row));
    const changes = shown.filter(isEdited).length;
    count.textContent = `${present.length} of ${LIMIT}`;
    if (save) {
      save.textContent = changes > 1 ? `Save ${changes} changes` : changes ? "Save 1 change" : "Save";
      save.disabled = changes === 0 || faults.length > 0;
      discard.hidden = changes === 0;
    }
    const value = document.activeElement?.closest?.("[data-meta-row]") && document.activeElement.name === "value" ? document.activeElement.value : null;
    note.textContent = faults[0] ?? (value === null ? "" : `${lengthOf(value)} of ${LONGEST_VALUE} characters`);
    note.classList.toggle("is-wrong", faults.length > 0);
  }

  const fit = (area) => { area.style.height = "auto"; area.style.height = `${area.scrollHeight + 2}px`; };
  one("[data-meta-add]", form).addEventListener("click", () => {
    rows.append(one("[data-meta-template]", form).content.cloneNode(true));
    look();
    field(rows.lastElementChild, "key").focus();
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-meta-remove]");
    if (!button) return;
    const row = button.closest("[data-meta-row]");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    if (isNew(row)) row.remove();
    else { row.setAttribute("data-gone", ""); row.hidden = true; field(row, "key").value = ""; field(row, "value").value = ""; }
    look();
    (next && !next.hidden ? field(next, "key") : one("[data-meta-add]", form)).focus();
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const row of all("[data-meta-row]", rows)) {
      if (isNew(row)) { row.remove(); continue; }
      row.hidden = false;
      row.removeAttribute("data-gone");
      accept(row);
      for (const [name, was] of [["key", "wasKey"], ["value", "wasValue"]]) field(row, name).value = field(row, was).value;
    }
    start();
    one("[data-meta-add]", form).focus();
  });
  const accept = (row) => { one(".invalid-feedback", row)?.remove(); field(row, "key").removeAttribute("aria-describedby"); };
  form.addEventListener("input", (event) => {
    if (event.target.matches("textarea")) fit(event.target);
    const row = event.target.closest("[data-meta-row]");
    if (row) accept(row);
    look();
  });
  form.addEventListener("focusin", look);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && event.target.matches("textarea, input")) {
      event.preventDefault();
      if (!save?.disabled) event.target.form.requestSubmit(save);
    }
  });
  const start = () => { all("textarea", rows).forEach(fit); look(); };
  start();
}

document.addEventListener("htmx:before:request", () => one("[data-list]")?.classList.add("is-old"));
document.addEventListener("htmx:after:request", () => one("[data-list]")?.classList.remove("is-old"));
// An answer that comes while the next filter is being typed is out of date: it would take away what was typed since, and
// another request is about to follow.
const sent = new WeakMap();
document.addEventListener("htmx:before:request", ({ detail: { ctx: { sourceElement: form } } }) => {
  if (form instanceof HTMLFormElement) sent.set(form, typed(form));
});
document.addEventListener("htmx:before:swap", (event) => {
  const form = event.detail.ctx.sourceElement;
  if (sent.has(form) && sent.get(form) !== typed(form)) event.preventDefault();
});
document.addEventListener("htmx:after:swap", () => { tellTimes(); tellAmounts(); all(".filter-panel:popover-open").forEach(place); });
// A list that could not be read says so until it is, and can be asked for again; what is shown is that of before.
function notRead(form, said) {
  const list = one("[data-list]");
  if (!list) { failed(); return; }
  list.classList.remove("is-old");
  one(".not-read", list)?.remove();
  const alert = Object.assign(document.createElement("div"), { className: "alert alert-danger not-read" });
  alert.setAttribute("role", "alert");
  const again = Object.assign(document.createElement("button"), { className: "btn btn-sm", type: "button", textContent: "Try again" });
  again.addEventListener("click", () => form.requestSubmit());
  alert.append(Object.assign(document.createElement("span"), { textContent: said }), again);
  one(".filters", list).after(alert);
}
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx) notRead(ctx.sourceElement, "The server could not be reached. The list below is as it was before.");
});
// A filter that is refused says why below what was typed; the list stays as it was.
document.addEventListener("htmx:response:error", (event) => {
  const { sourceElement: form, text, response } = event.detail.ctx;
  all("[data-refused]", form).forEach((note) => note.remove());
  if (response.status >= 500) {
    notRead(form, `${reason(new DOMParser().parseFromString(text, "text/html"))} · The list below is as it was before.`);
    return;
  }
  const note = Object.assign(document.createElement("p"), { className: "invalid-feedback", textContent: reason(new DOMParser().parseFromString(text, "text/html")) });
  note.setAttribute("role", "alert");
  note.dataset.refused = "";
  form.append(note);
});
tellTimes();
tellAmounts();
all("[data-meta]").forEach(editor);
one("#main form[method=post] [aria-invalid]")?.focus(); // a form that was not taken begins where it is wrong
goOn();
