// A witness vouches for a passkey, somebody else's or their own second one, with
// a gesture of the one they have.
import { $, post, stage, whenPresent } from "./ui.js";
import { supported, requestOptions, toJSON, explain } from "./passkey.js";

whenPresent("form[data-witness]", (form) => {
  const show = stage(form), chosen = () => $("[name=identity]:checked", form);
  let waiting;
  const failed = (why) => { $("[data-why]", form).textContent = `${why.title}. ${why.text}`; show("failed"); };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const error = $("[data-missing]", form), missing = error && !chosen();
    if (error) error.hidden = !missing;
    if (missing) { show("ready"); $("[name=identity]", form).focus(); return; }
    waiting = new AbortController();
    show("wait");
    try {
      const begun = await post("/ceremonies/temoin/debut", { key: form.dataset.witness, identity: error ? chosen().value : "" });
      const credential = await navigator.credentials.get({ publicKey: requestOptions(begun.options), signal: waiting.signal });
      await post("/ceremonies/temoin/fin", { ceremony: begun.ceremony, response: toJSON(credential) });
      location.assign(form.dataset.next);
    } catch (e) {
      if (e.name === "AbortError") { show("ready"); return; }
      failed(explain(e));
    }
  });
  $("[data-cancel]", form).addEventListener("click", () => waiting && waiting.abort());
  if (!supported()) failed(explain({ name: "NotSupportedError" }));
});
