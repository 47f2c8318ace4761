// Light or dark, before the page is painted: what was chosen, else what the system says.
const dark = matchMedia("(prefers-color-scheme: dark)");
const chosen = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
const dress = () => { document.documentElement.dataset.bsTheme = chosen() || (dark.matches ? "dark" : "light"); };
dress();
dark.addEventListener("change", dress);
document.documentElement.classList.add("scripted");
