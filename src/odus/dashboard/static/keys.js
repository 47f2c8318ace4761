// Keys, and what they open: their list, and the palette. It uses what dashboard.js has, and is loaded after it.
"use strict";

// Letters can be switched off: who speaks to the browser, or hits keys unawares, would set them off. Ctrl K is none.
const LETTERS = "letterKeys";
let letters = true;
const recall = () => { try { letters = localStorage.getItem(LETTERS) !== "off"; } catch { /* they last for this page */ } };
recall();
addEventListener("storage", recall);
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-letter-keys]")) return;
  letters = event.target.checked;
  try { if (letters) localStorage.removeItem(LETTERS); else localStorage.setItem(LETTERS, "off"); } catch { /* it lasts for this page */ }
});

// A dialog of a template of the page.
function showTemplate(name) {
  if (one("#navigation:popover-open")) one("[popovertarget=navigation]").focus(); // the menu is closed by the dialog
  const box = dialog();
  box.replaceChildren(one(name).content.cloneNode(true));
  const title = one("h2", box);
  title.id = "dialog-title";
  box.setAttribute("aria-labelledby", title.id);
  return box;
}

function help() {
  const box = showTemplate("#keys");
  one("[data-letter-keys]", box).checked = letters;
  box.showModal();
}

function step(by) {
  const rows = all("tr[data-row]");
  if (!rows.length) return;
  const now = rows.findIndex((row) => row.contains(document.activeElement));
  one(".row-link", rows[Math.max(0, Math.min(rows.length - 1, now < 0 ? 0 : now + by))]).focus();
}

// The palette: finds customers and pages while one types.
let looking;
function palette() {
  const box = showTemplate("#palette");
  if (!box.open) box.showModal();
  const input = one("[data-find]", box);
  const results = one("[data-results]", box);
  input.focus();
  let shown = null;
  const look = async () => {
    clearTimeout(looking);
    const asked = input.value;
    if (asked === shown) return;
    const response = await fetch(`/dashboard/find?q=${encodeURIComponent(asked)}`);
    if (response.redirected) { location.reload(); return; } // the session has ended: to the sign-in, and back here
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (asked !== input.value) return;
    results.replaceChildren(...(one("[data-results]", page)?.childNodes ?? []));
    shown = asked;
  };
  input.addEventListener("input", () => {
    clearTimeout(looking);
    looking = setTimeout(() => look().catch(failed), 150);
  });
  input.form.addEventListener("submit", (event) => {
    event.preventDefault();
    look().then(() => one("a", results)?.click()).catch(failed);
  });
  look().catch(failed);
  one("#dialog > *").addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const links = [input, ...all("a", results)];
    const now = links.indexOf(document.activeElement);
    links[(now + (event.key === "ArrowDown" ? 1 : links.length - 1)) % links.length].focus();
  });
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && one("#navigation")) {
    event.preventDefault();
    if (!one("#dialog[open] :is(form[method=post], .secret)")) palette();
    return;
  }
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable], dialog, .filter-panel");
  if (!letters || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const click = (selector) => { const found = one(selector); if (found) { event.preventDefault(); found.click(); } };
  const key = event.key.toLowerCase();
  if (key === "/") click(".filters [popovertarget]");
  else if (key === "j") step(1);
  else if (key === "k") step(-1);
  else if (key === "e") click("[data-edit]");
  else if (key === "n") click("[data-new]");
  else if (key === "?") click("[data-help]");
});

document.addEventListener("click", (event) => {
  const found = event.target.closest("[data-palette], [data-help]");
  if (!found || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (found.matches("[data-help]")) help();
  else palette();
});

if (/Mac|iPhone|iPad/.test(navigator.platform)) all("[data-palette] kbd").forEach((key) => { key.textContent = "⌘ K"; });
