// Shared behaviour: menu, sheets, states of a ceremony, requests. Everything
// degrades to plain links and forms.
export const $ = (query, root = document) => root.querySelector(query);
export const $$ = (query, root = document) => [...root.querySelectorAll(query)];
document.documentElement.classList.add("js");

// A Problem is a refusal of the server, in the words it chose for people.
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || "");
    this.status = status;
    this.type = body.type || "";
    this.field = body.field || "";
    this.title = body.title || "Cela n’a pas marché";
  }
}

// A Lost is a request that got no answer.
export class Lost extends Error {}

// request sends a request of this page's session and reads its JSON.
export async function request(method, url, body, signal, again) {
  const headers = { Accept: "application/json", "X-CSRF-Token": document.body.dataset.csrf || "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, { method, headers, signal, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Lost();
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401 && !again && document.body.dataset.person && !url.startsWith("/ceremonies/connexion/")) {
    const { resume } = await import("./session.js");
    if (await resume()) return request(method, url, body, signal, true);
  }
  if (!response.ok) throw new Problem(response.status, answer);
  if (answer.csrf) document.body.dataset.csrf = answer.csrf;
  return answer;
}
export const post = (url, body, signal) => request("POST", url, body, signal);

// say puts a sentence where screen readers hear it.
export function say(text) {
  const region = $("[data-said]");
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 50);
}

// stage shows one state of a ceremony at a time and moves the focus to its
// title, which announces it.
export function stage(root) {
  return (name) => {
    for (const el of $$("[data-state]", root)) el.hidden = el.dataset.state !== name;
    const title = $(`[data-state="${name}"] [data-title]`, root);
    if (title && root.isConnected) title.focus({ preventScroll: false });
  };
}

// whenPresent runs start once for each element of the page, or of a fragment
// shown later, that matches.
const starters = [];
export function whenPresent(query, start) {
  starters.push([query, start]);
  for (const el of $$(query)) start(el);
}
export function awaken(root) {
  for (const [query, start] of starters) {
    if (root.matches(query)) start(root);
    for (const el of $$(query, root)) start(el);
  }
}

addEventListener("click", (event) => {
  const menu = event.target.closest("[data-menu]");
  if (menu) menu.setAttribute("aria-expanded", $("#nav").classList.toggle("open"));
  for (const more of $$(".more[open]")) if (!more.contains(event.target) || event.target.closest(".pop .btn")) more.open = false;
  const close = event.target.closest("dialog [data-close]");
  if (close) { event.preventDefault(); close.closest("dialog").close(); }
  if (event.target.matches("dialog.sheet")) event.target.close();
  const copy = event.target.closest("[data-copy]");
  if (copy) copyNearby(copy);
  if (event.target.closest("[data-print]")) print();
});

addEventListener("keydown", (event) => {
  const more = $(".more[open]");
  if (event.key === "Escape" && more) { more.open = false; $("summary", more).focus(); }
});

async function copyNearby(button) {
  const input = $("input", button.parentElement);
  input.select();
  await navigator.clipboard.writeText(input.value).then(() => say("Copié."), () => say("Sélectionné\u00a0: copiez-le au clavier."));
}

// Links marked data-sheet open their page's fragment in the dialog; without
// script they are pages. A sheet closed by mistake keeps what was typed in it
// as long as the letter is the same.
const sheets = new Map();
async function openSheet(link) {
  const dialog = $("#sheet");
  let fragment = sheets.get(link.href);
  if (!fragment) {
    const response = await fetch(link.href, { credentials: "same-origin" });
    if (!response.ok || response.redirected) throw new Error("not a sheet");
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    fragment = document.adoptNode($("[data-fragment]", page));
    sheets.set(link.href, fragment);
    $("[data-slot]", dialog).replaceChildren(fragment);
    awaken(fragment);
  } else {
    $("[data-slot]", dialog).replaceChildren(fragment);
    fragment.dispatchEvent(new CustomEvent("sheet:again"));
  }
  dialog.setAttribute("aria-labelledby", $("h2", fragment).id);
  dialog.showModal();
  dialog.scrollTop = 0;
  $("[data-state]:not([hidden]) [data-title], [data-title]", fragment).focus({ preventScroll: true });
}
export function forgetSheets() { sheets.clear(); }

addEventListener("click", (event) => {
  const link = event.target.closest("a[data-sheet]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !window.HTMLDialogElement) return;
  event.preventDefault();
  openSheet(link).catch(() => { location.href = link.href; });
});
for (const dialog of $$("dialog.sheet")) {
  dialog.addEventListener("close", () => {
    const fragment = $("[data-slot] > *", dialog) || dialog;
    fragment.dispatchEvent(new CustomEvent("sheet:closed"));
  });
}

// The divider « Autres » unfolds the remaining bins on a phone.
addEventListener("click", (event) => {
  const button = event.target.closest("button[data-bins]");
  if (button) button.setAttribute("aria-expanded", $("#bins").classList.toggle("open"));
});

// What was refused takes the focus.
const trouble = $("[data-problem], [aria-invalid=true]");
if (trouble) trouble.focus();

if (document.body.dataset.person) import("./session.js");
if (document.body.dataset.events) import("./live.js");
