// A new passkey: the first one, by invitation, or one more.
import { $, post, stage, whenPresent } from "./ui.js";
import { supported, creationOptions, requestOptions, toJSON, explain } from "./passkey.js";

// suggest names the device from what the browser says of itself.
function suggest() {
  const agent = navigator.userAgent;
  const names = [[/iPhone/, "Mon iPhone"], [/iPad/, "Mon iPad"], [/Android/, "Mon téléphone"], [/Macintosh/, "Mon Mac"], [/Windows/, "Mon ordinateur"]];
  const found = names.find(([pattern]) => pattern.test(agent));
  return found ? found[1] : "Mon ordinateur";
}

whenPresent("form[data-enrol]", (form) => {
  const show = stage(form), label = $("#libelle", form), error = $("#libelle-e", form);
  const base = `/ceremonies/${form.dataset.kind}`;
  let waiting;
  if ("labelSuggest" in label.dataset && !label.value) label.value = suggest();
  const failed = (why) => { $("[data-why]", form).textContent = `${why.title}. ${why.text}`; show("failed"); };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const missing = !label.value.trim();
    label.setAttribute("aria-invalid", missing);
    error.hidden = !missing;
    if (missing) { show("ready"); label.focus(); return; }
    waiting = new AbortController();
    show("wait");
    try {
      const begun = await post(`${base}/debut`, { invitation: form.dataset.invitation });
      const credential = await navigator.credentials.create({ publicKey: creationOptions(begun.options), signal: waiting.signal });
      const kept = await post(`${base}/fin`, { invitation: form.dataset.invitation, ceremony: begun.ceremony, response: toJSON(credential), label: label.value.trim() });
      if (kept.pending) { $("[data-print]", form).textContent = kept.print; show("pending"); return; }
      if (kept.options) { // one more passkey: one that is in force vouches for it
        show("vouch");
        const vouching = await navigator.credentials.get({ publicKey: requestOptions(kept.options), signal: waiting.signal });
        await post("/ceremonies/temoin/fin", { ceremony: kept.ceremony, response: toJSON(vouching) });
      }
      show("done");
      if (form.dataset.kind === "cle") location.assign("/mes-cles?dit=ajoutee");
    } catch (e) {
      if (e.name === "AbortError") { show("ready"); return; }
      failed(explain(e));
    }
  });
  $("[data-cancel]", form).addEventListener("click", () => waiting && waiting.abort());
  if (!supported()) failed(explain({ name: "NotSupportedError" }));
});
