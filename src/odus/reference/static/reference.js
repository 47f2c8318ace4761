// The pages are whole without this: it adds copy buttons, marks the place in the contents, and folds the contents again.
"use strict";

const said = document.body.appendChild(document.createElement("div"));
said.className = "unseen";
said.setAttribute("role", "status");

function addCopyButton(figure) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(figure.querySelector("code").textContent);
    button.textContent = said.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy", said.textContent = ""), 1500);
  });
  figure.querySelector("figcaption").append(button);
}

function markPlace() {
  const links = new Map([...document.querySelectorAll(".side a[href*='#']")].map((link) => [link.hash.slice(1), link]));
  const sections = [...document.querySelectorAll("main [id]")].filter((section) => links.has(section.id));
  let marked;
  const mark = () => {
    const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    const passed = sections.findLast((section) => section.getBoundingClientRect().top < 120) ?? sections[0];
    const asked = sections.find((section) => section.id === location.hash.slice(1));
    const here = atEnd && asked && sections.indexOf(asked) > sections.indexOf(passed) ? asked : passed;
    const link = here && links.get(here.id);
    if (!link || link === marked) return;
    marked?.removeAttribute("aria-current");
    link.setAttribute("aria-current", "location");
    const side = link.closest(".side");
    const { top, bottom } = link.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight) side.scrollTop += top - innerHeight / 2;
    marked = link;
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}

if (navigator.clipboard) document.querySelectorAll("figure").forEach(addCopyButton);
markPlace();
for (const menu of document.querySelectorAll("details.menu")) {
  menu.addEventListener("click", (event) => event.target.closest("a") && (menu.open = false));
  menu.addEventListener("keydown", (event) => event.key === "Escape" && (menu.open = false));
}
