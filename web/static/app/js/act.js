// An act done with a gesture: what the form says is checked first, then shown to
// the authenticator, then done. Nothing typed is lost by a refusal.
import { $, $$, post, stage, whenPresent, say } from "./ui.js";
import { supported, requestOptions, toJSON, explain } from "./passkey.js";

// wrong marks the field that a refusal is about.
function wrong(form, error) {
  const input = error.field && form.elements[error.field];
  if (!input || !input.id) return false;
  const text = $(`#${input.id}-e`, form);
  input.setAttribute("aria-invalid", "true");
  $("[data-text]", text).textContent = error.message;
  text.hidden = false;
  return input;
}

whenPresent("form[data-act]", (form) => {
  const show = stage(form);
  let waiting;
  const failed = (why) => { $("[data-why]", form).textContent = `${why.title}. ${why.text}`; show("failed"); };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    for (const input of $$("[aria-invalid]", form)) { input.removeAttribute("aria-invalid"); $(`#${input.id}-e`, form).hidden = true; }
    const told = Object.fromEntries(new FormData(form));
    waiting = new AbortController();
    show("wait");
    try {
      const begun = await post(`${form.dataset.act}/debut`, told, waiting.signal);
      const credential = await navigator.credentials.get({ publicKey: requestOptions(begun.options), signal: waiting.signal });
      const done = await post(`${form.dataset.act}/fin`, { ceremony: begun.ceremony, response: toJSON(credential) });
      if (done.next) { location.assign(done.next); return; }
      $("[data-link]", form).value = done.link;
      $("[data-town]", form).textContent = done.town;
      $("[data-until]", form).textContent = done.until;
      show("done");
      say(`Lien d’invitation pour ${done.town}\u00a0: copiez-le maintenant.`);
    } catch (error) {
      if (error.name === "AbortError") { show("ready"); return; }
      const input = wrong(form, error);
      if (input) { show("ready"); input.focus(); } else failed(explain(error));
    }
  });
  for (const button of $$("[data-cancel]", form)) button.addEventListener("click", () => { if (waiting) waiting.abort(); show("ready"); $("[data-go]", form).focus(); });
  if (!supported()) failed(explain({ name: "NotSupportedError" }));
});
