// What the checkout does beyond its pages: everything works without it, less comfortably.
"use strict";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);
const digitsOf = (text) => text.replace(/\D/g, "");

// Amounts, as the payer's language writes them.
for (const amount of all("data[data-currency]")) {
  const digits = Number(amount.dataset.digits);
  const style = { style: "currency", currency: amount.dataset.currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
  amount.textContent = new Intl.NumberFormat(undefined, style).format(amount.value);
}

// The card: its brand while it is typed, digits in groups, and what is wrong at the fields.
const GROUPS = { amex: [4, 6, 5], diners: [4, 6, 4] };

function card(form) {
  const { number, expiry, cvc, name } = Object.fromEntries(["number", "expiry", "cvc", "name"].map((field) => [field, form.elements[field]]));
  const brands = Object.entries(JSON.parse(form.dataset.brands)).map(([key, [title, start, lengths, code]]) => ({ key, title, start: new RegExp(start), lengths, code }));
  const badge = one("[data-brand]", form);
  form.noValidate = true;

  const brandOf = () => brands.find((brand) => brand.start.test(digitsOf(number.value)));

  // The sum of the digits, each second one from the right doubled, is a multiple of ten (Luhn).
  function adds(digits) {
    const sum = [...digits].reverse().reduce((so, digit, place) => so + (place % 2 ? (digit * 2) % 9 || (digit === "0" ? 0 : 9) : Number(digit)), 0);
    return sum % 10 === 0;
  }

  function grouped(digits) {
    const groups = [...(GROUPS[brandOf()?.key] ?? [])];
    const parts = [];
    for (let at = 0; at < digits.length;) {
      const size = groups.shift() ?? 4;
      parts.push(digits.slice(at, at + size));
      at += size;
    }
    return parts.join(" ");
  }

  function dated(text, isDeleting) {
    const filled = /^\s*(20\d\d)-(\d\d)\s*$/.exec(text);
    let digits = filled ? filled[2] + filled[1].slice(2) : digitsOf(text);
    if (/^[2-9]/.test(digits) || /^\s*[1-9]\s*[/.-]/.test(text)) digits = `0${digits}`;
    if (digits.length < 2 || (isDeleting && digits.length === 2)) return digits;
    return `${digits.slice(0, 2)} / ${digits.slice(2, 6)}`;
  }

  // What is typed is written anew, and the caret stays behind the digit that it was behind.
  function rewrite(input, text) {
    if (text === input.value) return;
    const isAtEnd = input.selectionStart === input.value.length;
    const before = digitsOf(input.value.slice(0, input.selectionStart)).length;
    input.value = text;
    let caret = 0;
    for (let seen = 0; seen < before && caret < text.length; caret += 1) if (/\d/.test(text[caret])) seen += 1;
    if (isAtEnd) caret = text.length;
    if (document.activeElement === input) input.setSelectionRange(caret, caret);
  }

  function recognize() {
    const brand = brandOf();
    const shown = brand?.title ?? "";
    if (badge.textContent !== shown) { badge.textContent = shown; badge.dataset.brand = brand?.key ?? ""; }
    cvc.maxLength = brand?.code ?? 4;
    cvc.placeholder = "1234".slice(0, brand?.code ?? 3);
  }

  function numberFault() {
    const digits = digitsOf(number.value);
    if (!digits) return "missing";
    const lengths = brandOf()?.lengths;
    const isLong = lengths ? lengths.includes(digits.length) : digits.length >= 12 && digits.length <= 19;
    return isLong && adds(digits) ? "" : "wrong";
  }

  function expiryFault() {
    if (!expiry.value.trim()) return "missing";
    const found = /^\s*(0?[1-9]|1[0-2])\s*[/.-]?\s*(?:20)?(\d\d)\s*$/.exec(expiry.value);
    if (!found) return "wrong";
    const now = new Date();
    return (2000 + Number(found[2])) * 12 + Number(found[1]) - 1 < now.getFullYear() * 12 + now.getMonth() ? "past" : "";
  }

  function codeFault() {
    if (!cvc.value.trim()) return "missing";
    const lengths = brandOf() ? [brandOf().code] : [3, 4];
    return /^\s*\d+\s*$/.test(cvc.value) && lengths.includes(cvc.value.trim().length) ? "" : "wrong";
  }

  const faults = new Map([[number, numberFault], [expiry, expiryFault], [cvc, codeFault], [name, () => (name.value.trim() ? "" : "missing")]]);

  function tell(input) {
    const fault = faults.get(input)();
    if (fault) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid");
    one(`#${input.id}-note`).textContent = fault ? input.dataset[fault] : "";
    return fault;
  }

  form.addEventListener("input", (event) => {
    const input = event.target;
    if (input === number) { rewrite(number, grouped(digitsOf(number.value).slice(0, 19))); recognize(); }
    if (input === expiry) rewrite(expiry, dated(expiry.value, event.inputType?.startsWith("delete")));
    if (input === cvc) rewrite(cvc, digitsOf(cvc.value));
    if (faults.has(input) && input.hasAttribute("aria-invalid")) tell(input);
    if (input === number && cvc.hasAttribute("aria-invalid")) tell(cvc);
  });
  // Leaving a field empty is no mistake yet: the payer may come back to it.
  form.addEventListener("focusout", (event) => { if (faults.has(event.target) && event.target.value.trim()) tell(event.target); });
  form.addEventListener("submit", (event) => {
    const wrong = [...faults.keys()].filter(tell);
    if (!wrong.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    wrong[0].focus();
  });
  number.value = grouped(digitsOf(number.value));
  recognize();
}

// A form is sent once.
function once(form) {
  const button = one("[data-busy]", form);
  const label = button && one("[data-label]", button);
  const text = label?.cloneNode(true);
  form.addEventListener("submit", (event) => {
    if (form.dataset.sending) { event.preventDefault(); return; }
    form.dataset.sending = "yes";
    if (!button) return;
    button.setAttribute("aria-disabled", "true");
    label.textContent = button.dataset.busy;
    one("[data-said]", form).textContent = button.dataset.busy;
  });
  // A browser that kept the page and shows it again shows what was true then.
  addEventListener("pageshow", (event) => {
    if (event.persisted) { location.reload(); return; }
    delete form.dataset.sending;
    button?.removeAttribute("aria-disabled");
    if (label) label.replaceChildren(...text.cloneNode(true).childNodes);
  });
}

all("form[data-brands]").forEach(card);
all("form[data-once]").forEach(once);
