// The drawing of a circuit. Every form works without this script; with it each
// change is saved at once, what the server answers replaces the drawing, the
// findings and the panel in place, and steps are dragged. The focus stays
// where it was.
import { $, $$, Problem, Lost, say } from "./ui.js";
import { resume } from "./session.js";

// One request after the other: each is made from the edition that the one
// before left.
let edition = $("[data-edition]")?.value || "";
let queue = Promise.resolve();
let pending = 0, typed = 0;

// What the server last said of each form that is typed in: what somebody else
// changed since is told from what they did not touch.
const typing = () => $$("form[data-panel], form[data-whole]");
const nameOf = (form) => form.matches("[data-panel]") ? `étape ${form.elements.etape.value}` : "ensemble";
const worth = (form) => {
  const data = new FormData(form);
  for (const name of ["csrf", "edition"]) data.delete(name);
  return new URLSearchParams(data).toString();
};
const read = new Map(typing().map((form) => [nameOf(form), worth(form)]));

function saved(text) {
  const mark = $("[data-saved]");
  if (mark) mark.textContent = text;
}

async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json, text/html" }, ...options });
  } catch {
    throw new Lost();
  }
  if ((response.headers.get("Content-Type") || "").startsWith("text/html")) {
    return { url: response.url, page: new DOMParser().parseFromString(await response.text(), "text/html") };
  }
  throw new Problem(response.status, await response.json().catch(() => ({})));
}

// places finds again, after a swap, what had the focus.
function places() {
  const at = document.activeElement;
  const query = at?.dataset?.key ? `[data-key="${CSS.escape(at.dataset.key)}"]` : at?.dataset?.choose ? `[data-choose="${CSS.escape(at.dataset.choose)}"]` : at?.id ? `#${CSS.escape(at.id)}` : "";
  const range = at && "selectionStart" in at && at.type === "text" ? [at.selectionStart, at.selectionEnd] : null;
  return () => {
    if (!query || document.activeElement === at && at.isConnected) return;
    let el = $(query);
    if (el?.disabled) el = $$("button", el.form).find((b) => !b.disabled && b.name === el.name) || $("[data-choose]", el.closest("li"));
    el?.focus({ preventScroll: true });
    if (range && el?.setSelectionRange) el.setSelectionRange(...range);
  };
}

function swap(page, { keepPanel, keepWhole, only } = {}) {
  const back = places();
  const open = new Map($$("details[data-fold]").map((d) => [d.dataset.fold, d.open]));
  for (const region of $$("[data-swap]")) {
    const name = region.dataset.swap, fresh = $(`[data-swap="${name}"]`, page);
    if (!fresh || only && name !== only || keepPanel && name === "panel" || keepWhole && name === "whole") continue;
    region.replaceChildren(...document.importNode(fresh, true).childNodes);
  }
  for (const details of $$("details[data-fold]")) if (open.has(details.dataset.fold)) details.open = open.get(details.dataset.fold);
  for (const form of $$("form[data-panel], form[data-whole]", page)) read.set(nameOf(form), worth(form));
  edition = $("[data-edition]", page)?.value || edition;
  for (const clause of $$("[data-clause]")) fit(clause);
  back();
}

// tell says why something was not saved, with the ways out of it.
function tell(message, ...ways) {
  const place = $("[data-refused]") || $('[data-swap="said"]');
  const note = document.createElement("div"), text = document.createElement("p"), row = document.createElement("p");
  note.className = "note warn";
  note.setAttribute("role", "alert");
  text.textContent = message;
  row.className = "row";
  row.append(...ways);
  note.append(text, ...ways.length ? [row] : []);
  place.replaceChildren(note);
  saved("Pas enregistré");
}

function way(text, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn";
  button.textContent = text;
  button.addEventListener("click", act);
  return button;
}
const go = (text, url = location.pathname) => way(text, () => { location.href = url; });

function refused(error) {
  if (error instanceof Lost) tell("Pas de réponse du serveur\u00a0: ce changement n’est pas enregistré. Recommencez.");
  else if (error.status === 404) tell("Ce brouillon n’existe plus\u00a0: il a été publié ou abandonné entre-temps. Votre dernier changement n’est pas enregistré.", go("Voir les circuits", "/administration/circuits"));
  else tell(error.message || "Ce changement n’a pas pu être enregistré.");
}

// overtaken is the answer to a draft that somebody else changed. What they did
// elsewhere is taken and the change is made again; what they did at the same
// place is told before it is replaced. An order of steps is never guessed.
async function overtaken(form, submitter, extra) {
  const { page } = await ask(location.href, {});
  const typed = !submitter && form.isConnected && form.matches("[data-panel], [data-whole]");
  const name = typed && nameOf(form), theirs = typed && $$("form[data-panel], form[data-whole]", page).find((f) => nameOf(f) === name);
  const same = theirs && worth(theirs) === read.get(name);
  swap(page, { keepPanel: typed && form.matches("[data-panel]"), keepWhole: typed && form.matches("[data-whole]") });
  if (same) return post(form, submitter, extra);
  const after = "Quelqu’un d’autre vient de changer ce brouillon\u00a0: le dessin montre sa version.";
  if (!typed) tell(`${after} Votre dernier geste n’a pas eu lieu\u00a0: refaites-le s’il vaut encore.`);
  else if (!theirs) tell(`${after} L’étape que vous régliez n’y est plus.`, go("Voir sa version"));
  else tell(`${after} Cette étape y a d’autres réglages que ceux que vous aviez lus. Les vôtres sont toujours ici, pas enregistrés.`, way("Enregistrer les miens à la place", () => send(form)), go("Garder les siens"));
}

// send saves a form, once what is under way is.
function send(form, submitter, extra = {}) {
  pending++;
  saved("Enregistrement…");
  const data = new URLSearchParams(new FormData(form, submitter || null));
  queue = queue.then(() => post(form, submitter, extra, data)).catch(async (error) => {
    if (error.type?.endsWith("conflict")) return overtaken(form, submitter, extra);
    if ((error.status === 401 || error.type?.endsWith("forbidden")) && await resume()) return post(form, submitter, extra, data);
    throw error;
  }).catch(refused).finally(() => { pending--; });
  return queue;
}

async function post(form, submitter, extra, data = new URLSearchParams(new FormData(form, submitter || null))) {
  const when = typed, panel = form.matches("[data-panel]") && !submitter;
  for (const [name, value] of Object.entries(extra)) data.set(name, value);
  if (data.has("edition")) data.set("edition", edition);
  data.set("csrf", document.body.dataset.csrf || "");
  const { url, page } = await ask(submitter?.getAttribute("formaction") || form.getAttribute("action"), { method: "POST", body: data });
  if (form.matches("[data-try]")) {
    swap(page, { only: "try" });
    return;
  }
  history.replaceState(null, "", url);
  swap(page, { keepPanel: panel && typed !== when });
  saved("Enregistré");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-live], [data-try]") || form.matches("[data-try]") && event.submitter?.hasAttribute("formaction")) return;
  event.preventDefault();
  const op = event.submitter?.value || "", step = form.elements.etape?.value, title = form.closest("[data-step]")?.dataset.title;
  send(form, event.submitter).then(() => {
    if (op === "monter" || op === "descendre") tellPlace(step, title);
    if (op.startsWith("ajouter-")) enter();
    if (op === "retirer") { say("L’étape est retirée."); $("[data-flow] [data-choose], [data-key^=ajouter]")?.focus(); }
    if (form.matches("[data-try]")) $("[data-result]")?.scrollIntoView({ block: "nearest" });
  });
});

addEventListener("input", (event) => {
  if (event.target.closest("[data-panel]")) typed++;
  if (event.target.dataset.cel) checkLater(event.target);
});

addEventListener("change", (event) => {
  const clause = event.target.closest("[data-clause]");
  if (clause) fit(clause);
  const form = event.target.closest("form[data-live]");
  // « Condition écrite » uncovers its area: there is nothing to save before it is written.
  if (form && !(event.target.name === "when" && event.target.value === "libre")) send(form);
  if (event.target.id === "t-type") send(event.target.form);
});

// enter goes to the panel of the step just added, its name ready to be typed.
function enter() {
  const title = $("#title");
  title?.focus();
  title?.select();
}

function tellPlace(step, title) {
  const all = $$("[data-flow] [data-step]"), k = all.findIndex((li) => li.dataset.step === step);
  if (k >= 0) say(`«\u00a0${title}\u00a0», étape ${k + 1} sur ${all.length}.`);
}

// Choosing a step opens its panel in place.
addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.dataset.choose) {
    event.preventDefault();
    queue = queue.then(async () => {
      const { page } = await ask(link.href, {});
      history.replaceState(null, "", link.href);
      swap(page);
      const panel = $("#reglages");
      panel.focus({ preventScroll: true });
      panel.scrollIntoView({ block: "nearest" });
    }).catch(() => { location.href = link.href; });
  } else if (pending && !link.getAttribute("href").startsWith("#")) {
    event.preventDefault();
    queue.then(() => { location.href = link.href; });
  }
});

// fit offers the comparisons that the chosen field has, and its values.
function fit(clause) {
  const field = $("[name=c_field]", clause), op = $("[name=c_op]", clause), value = $("[name=c_value]", clause);
  const kind = field.selectedOptions[0]?.dataset.kind || "";
  for (const option of op.options) option.hidden = option.disabled = kind !== "" && !option.dataset.kind.split(" ").includes(kind);
  if (op.selectedOptions[0]?.disabled) op.value = [...op.options].find((o) => !o.disabled).value;
  const valued = op.value !== "has" && op.value !== "not";
  value.parentElement.hidden = op.parentElement.hidden = !kind;
  if (kind) value.parentElement.hidden = !valued;
  value.inputMode = kind === "integer" || kind === "decimal" ? "decimal" : "text";
  value.placeholder = { date: "31/03/2026", boolean: "oui ou non", decimal: "25 000", integer: "3" }[kind] || "Valeur";
  if (document.getElementById(`values-${field.value}`)) value.setAttribute("list", `values-${field.value}`); else value.removeAttribute("list");
}
for (const clause of $$("[data-clause]")) fit(clause);

// A condition in CEL is checked while it is typed.
let later;
function checkLater(area) {
  clearTimeout(later);
  later = setTimeout(async () => {
    const told = $("#cel-e");
    if (!area.value.trim()) { told.textContent = ""; return; }
    const body = new URLSearchParams({ cel: area.value, csrf: document.body.dataset.csrf || "" });
    const response = await fetch(area.dataset.cel, { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
    if (response?.ok && told.isConnected) told.textContent = (await response.json()).problem;
  }, 400);
}

// Dragging by the handle, with a finger or a mouse; the arrows beside do the
// same for the keyboard.
let drag = null;
addEventListener("pointerdown", (event) => {
  const grip = event.target.closest("[data-grip]");
  if (!grip || event.button !== 0) return;
  event.preventDefault();
  const li = grip.closest("[data-step]"), section = li.closest("section");
  drag = { li, before: undefined, y: undefined, within: section.scrollHeight > section.clientHeight + 1 && getComputedStyle(section).overflowY === "auto" ? section : null };
  drag.li.classList.add("dragged");
  requestAnimationFrame(creep);
});
addEventListener("pointermove", (event) => {
  if (!drag) return;
  drag.y = event.clientY;
  aim();
});

// creep scrolls while a step is held near an edge: a long circuit is taller
// than the screen.
function creep() {
  if (!drag) return;
  const box = drag.within?.getBoundingClientRect(), top = Math.max(box?.top ?? 0, 0), bottom = Math.min(box?.bottom ?? innerHeight, innerHeight);
  const by = drag.y < top + 48 ? -10 : drag.y > bottom - 48 ? 10 : 0;
  if (by) {
    (drag.within || document.scrollingElement).scrollBy({ top: by, behavior: "instant" });
    aim();
  }
  requestAnimationFrame(creep);
}

function aim() {
  const steps = $$("[data-flow] [data-step]");
  const next = steps.find((li) => { const box = li.firstElementChild.getBoundingClientRect(); return drag.y < box.top + box.height / 2; });
  drag.before = next?.dataset.step || "";
  for (const li of [...steps, $("[data-flow] .end")]) li.classList.toggle("drop-here", next ? li === next : li.matches(".end"));
}
function drop(event) {
  if (!drag) return;
  const { li, before } = drag;
  drag = null;
  li.classList.remove("dragged");
  for (const el of $$(".drop-here")) el.classList.remove("drop-here");
  if (event.type === "pointercancel" || before === undefined || before === li.dataset.step) return;
  send($("form.moves", li), null, { op: "deplacer", avant: before }).then(() => tellPlace(li.dataset.step, li.dataset.title));
}
addEventListener("pointerup", drop);
addEventListener("pointercancel", drop);
