// The check of a PDF before anything is sent: what the server sees in it is
// told beside the file, in its words. Nothing is kept there; sending the form
// checks again.
import { $ } from "./ui.js";

// Larger files are not sent twice: their check waits for the deposit.
const most = 40 * 1048576;

const icon = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", $("#depot .err .i use, form[data-upload] .err .i use").getAttribute("href").replace(/#.*/, `#${name}`));
  svg.append(use);
  return svg;
};

function line(text, name, kind) {
  const li = document.createElement("li"), p = document.createElement("p");
  li.className = kind;
  p.textContent = text;
  li.append(icon(name), p);
  return li;
}

// ask sends one file to the check; null when there is no answer, which leaves
// the last word to the deposit.
export async function ask(form, file) {
  if (!form.dataset.check || file.size > most) return null;
  const data = new FormData();
  data.append("file", file, file.name);
  try {
    const response = await fetch(form.dataset.check, { method: "POST", body: data, headers: { "X-CSRF-Token": document.body.dataset.csrf || "", Accept: "application/json" } });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

// notes draws what was found.
export function notes(found) {
  const list = document.createElement("ul");
  list.className = "notices";
  if (found.refused) list.append(line(found.refused, "circle-alert", "bad"));
  if (found.facts) list.append(line(`Vérifié\u00a0: ${found.facts}.`, "circle-check", "ok"));
  for (const n of found.notices) list.append(line(n.text, n.warn ? "triangle-alert" : "info", n.warn ? "warn" : ""));
  return list;
}

// annexLine is one annex with the choice to join its pages to the letter.
export function annexLine(file, size, rank) {
  const li = document.createElement("li"), name = document.createElement("p"), label = document.createElement("label"), box = document.createElement("input"), text = document.createElement("span"), more = document.createElement("small");
  name.className = "name";
  name.textContent = `${file.name}, ${size}`;
  label.className = "opt";
  Object.assign(box, { type: "checkbox", name: "merge", value: String(rank) });
  text.append("Joindre ses pages à la lettre ");
  more.textContent = "Elles suivront les siennes et seront signées avec elles.";
  text.append(more);
  label.append(box, text);
  li.append(name, label);
  return li;
}
