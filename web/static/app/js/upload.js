// Deposit and correction: what was chosen stays chosen when something is
// refused, because the page is not left; files are checked before the road.
import { annexLine, ask, notes } from "./check.js";
import { resume } from "./session.js";
import { $, $$, say } from "./ui.js";

const human = (n) => (n >= 1048576 ? `${(n / 1048576).toFixed(1).replace(".", ",")}\u00a0Mo` : `${Math.max(1, Math.round(n / 1024))}\u00a0Ko`);

for (const zone of $$(".drop")) {
  for (const [type, on] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) zone.addEventListener(type, () => zone.classList.toggle("over", on));
}

const form = $("form[data-upload]");
const max = Number(form.dataset.max);

function flag(name, text) {
  const field = $(`[data-field="${name}"]`, form);
  if (!field) return false;
  const control = $("input:not([type=hidden]), select, textarea", field), error = $(".err", field);
  if (!error) return false;
  if (control.type !== "radio" && control.type !== "checkbox") control.setAttribute("aria-invalid", Boolean(text));
  error.hidden = !text;
  $("span", error).textContent = text || "";
  return true;
}

// firstBytes says whether a file begins as a PDF does, within its first KiB.
async function isPDF(file) {
  return (await file.slice(0, 1024).text()).includes("%PDF-");
}

async function wrong(file) {
  if (max && file.size > max) return `«\u00a0${file.name}\u00a0» fait ${human(file.size)}\u00a0: c’est plus que la limite de ${human(max)}.`;
  if (file.size === 0) return `«\u00a0${file.name}\u00a0» est vide.`;
  if (!(await isPDF(file))) return `«\u00a0${file.name}\u00a0» n’est pas un PDF. Enregistrez-le d’abord au format PDF.`;
  return "";
}

for (const input of $$("input[type=file]", form)) {
  input.addEventListener("change", async () => {
    const files = [...input.files];
    $("[data-picked]", input.closest(".drop")).textContent = files.map((f) => `${f.name}, ${human(f.size)}`).join("\u00a0; ");
    const found = (await Promise.all(files.map(wrong))).find(Boolean);
    flag(input.name, found || "");
    const title = $("#title", form);
    if (input.name === "annexes") inspectAnnexes(found ? [] : files);
    else inspectLetter(found ? null : files[0]);
    // The name of the file is proposed as the subject, and follows the file until somebody writes another.
    if (!found && input.name === "document" && title && files[0] && (!title.value || title.value === title.dataset.proposed)) {
      title.value = title.dataset.proposed = files[0].name.replace(/\.pdf$/i, "").replace(/[_-]+/g, " ").trim();
    }
  });
}

// What is checked last is what is shown: answers to files chosen before are
// dropped.
const turns = {};

async function inspectLetter(file) {
  const turn = (turns.letter = {}), zone = $("[data-checked=document]", form);
  if (!zone) return;
  zone.hidden = !file;
  closed(false);
  if (!file) return;
  const waiting = document.createElement("p");
  waiting.className = "fine";
  waiting.textContent = "Vérification du fichier…";
  zone.replaceChildren(waiting);
  const answer = await ask(form, file);
  if (turns.letter !== turn) return;
  zone.hidden = !answer;
  if (!answer) return;
  if (answer.refused) flag("document", answer.refused);
  zone.replaceChildren(notes({ ...answer, refused: "" }));
  closed(answer.signed);
}

// closed takes away what would break the signature that a letter came with.
function closed(signed) {
  const stamp = $("[data-stamp]", form);
  if (stamp) stamp.hidden = signed;
  for (const one of $$("[data-stamp] :is(input), [name=merge]", form)) one.disabled = signed;
  for (const one of $$("[data-annexes] .opt", form)) one.hidden = signed;
}

async function inspectAnnexes(files) {
  const turn = (turns.annexes = {}), list = $("[data-annexes]", form);
  if (!list) return;
  const lines = files.map((file, i) => annexLine(file, human(file.size), i + 1));
  list.replaceChildren(...lines);
  $("[data-picked]", $("#annexes", form).closest(".drop")).textContent = files.length > 1 ? `${files.length} annexes` : files.length ? "1 annexe" : "";
  for (const [i, file] of files.entries()) {
    const answer = await ask(form, file);
    if (turns.annexes !== turn) return;
    if (!answer) continue;
    $(".name", lines[i]).after(notes(answer));
    if (answer.refused || answer.signed) {
      const box = $("input", lines[i]);
      box.checked = false;
      box.disabled = true;
      $(".opt", lines[i]).hidden = true;
    }
  }
}

// The circuit follows the type of letter.
const choose = () => {
  const chosen = $("[data-type]:checked", form);
  for (const path of $$("[data-for]", form)) path.classList.toggle("on", Boolean(chosen) && path.dataset.for === chosen.value);
  const hint = $("[data-choose]", form);
  if (hint) hint.hidden = Boolean(chosen);
};
form.addEventListener("change", choose);
choose();

function send(data, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.getAttribute("action")); // form.action is the button of that name
    request.responseType = "document";
    request.setRequestHeader("X-CSRF-Token", document.body.dataset.csrf || "");
    request.setRequestHeader("X-Sent-By", "script");
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) progress((event.loaded / event.total) * 100); });
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(new Error("network")));
    request.send(data);
  });
}

function refuse(page, status) {
  if (!page || !$("form[data-upload]", page)) {
    const told = page && $("main h1", page);
    problem(status === 401 ? "Votre session s’est terminée. Reconnectez-vous dans un autre onglet, puis renvoyez\u00a0: rien n’est perdu ici." : told ? told.textContent : "Le serveur a refusé la lettre. Réessayez.");
    return;
  }
  for (const field of $$("[data-field]", page)) flag(field.dataset.field, $(".err:not([hidden]) span", field)?.textContent || "");
  $("[data-form-errors]", form).replaceChildren(...$("[data-form-errors]", page).childNodes);
  const first = $("[data-problem], [aria-invalid=true], .err:not([hidden])", form);
  if (first) {
    if (first.matches(".err")) first.scrollIntoView({ block: "center" });
    else first.focus();
  }
}

function problem(text) {
  const note = document.createElement("div"), p = document.createElement("p");
  note.className = "note bad";
  note.tabIndex = -1;
  note.dataset.problem = "";
  note.setAttribute("role", "alert");
  p.textContent = text;
  note.append($(".err .i", form).cloneNode(true), p);
  $("[data-form-errors]", form).replaceChildren(note);
  note.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const by = event.submitter;
  if (!await resume()) return;
  const data = new FormData(form, by && by.name ? by : undefined);
  const bar = $("[data-progress]", form), buttons = $$("button", form);
  for (const b of buttons) b.disabled = true;
  bar.hidden = false;
  say("Envoi en cours.");
  try {
    const request = await send(data, (value) => { $("progress", bar).value = value; });
    if (request.status === 200 || request.status === 201) { location.assign(request.getResponseHeader("Location") || request.responseURL); return; }
    refuse(request.response, request.status);
  } catch {
    problem("La connexion s’est coupée pendant l’envoi. Rien n’est perdu ici\u00a0: renvoyez quand le réseau revient.");
  }
  for (const b of buttons) b.disabled = false;
  bar.hidden = true;
  $("progress", bar).value = 0;
});
