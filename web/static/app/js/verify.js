// Verification: the names of what was chosen, a check before the road, a sign
// that the files are being examined. The form is sent as forms are.
import { $, $$, say } from "./ui.js";

const human = (n) => (n >= 1048576 ? `${(n / 1048576).toFixed(1).replace(".", ",")}\u00a0Mo` : `${Math.max(1, Math.round(n / 1024))}\u00a0Ko`);
const form = $("form[data-verify]"), verdict = $("#v-t");

if (verdict) verdict.focus();
addEventListener("beforeprint", () => { for (const more of $$("details")) more.open = true; }); // the paper keeps the fingerprint

function flag(input, text) {
  const error = $(".err", input.closest(".field"));
  input.setAttribute("aria-invalid", Boolean(text));
  error.hidden = !text;
  $("span", error).textContent = text;
}

async function wrong(input) {
  const file = input.files[0], max = Number(form.dataset.max);
  if (!file) return input.required ? "Choisissez le PDF à vérifier." : "";
  if (max && file.size > max) return `Ce fichier fait ${human(file.size)}\u00a0: c’est plus que la limite de ${human(max)}.`;
  if (input.name === "document" && !(await file.slice(0, 1024).text()).includes("%PDF-")) return "Ce fichier n’est pas un PDF\u00a0: choisissez la lettre signée, telle que vous l’avez reçue.";
  return "";
}

function wait(on) {
  $("[data-busy]", form).textContent = on ? "Examen du fichier…" : "";
  $("[data-go]", form).disabled = on;
  if (on) say("Examen du fichier.");
}

if (form) {
  const inputs = $$("input[type=file]", form);
  for (const input of inputs) {
    const zone = input.closest(".drop");
    for (const [type, on] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) zone.addEventListener(type, () => zone.classList.toggle("over", on));
    input.addEventListener("change", async () => {
      $("[data-picked]", zone).textContent = [...input.files].map((f) => `${f.name}, ${human(f.size)}`).join("");
      flag(input, input.files[0] ? await wrong(input) : "");
    });
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const found = await Promise.all(inputs.map(wrong));
    inputs.forEach((input, i) => flag(input, found[i]));
    const first = inputs.find((_, i) => found[i]);
    if (first) { first.focus(); return; }
    wait(true);
    form.submit();
  });
  addEventListener("pageshow", () => wait(false)); // back from the verdict
}
