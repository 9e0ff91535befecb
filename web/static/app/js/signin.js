// Sign-in with a passkey: by the button, or by the account that the browser
// proposes in the (invisible) autofill field.
import { $, post, stage } from "./ui.js";
import { supported, requestOptions, toJSON, explain } from "./passkey.js";

const form = $("[data-signin]");
const show = stage(form);
let waiting; // the request under way: a browser accepts one at a time

function failed(why) {
  $("[data-why]", form).textContent = `${why.title}. ${why.text}`;
  show("failed");
}

async function ceremony(mediation) {
  if (waiting) waiting.abort();
  const mine = (waiting = new AbortController());
  const begun = await post("/ceremonies/connexion/debut", {}, mine.signal);
  const publicKey = requestOptions(begun.options);
  const credential = await navigator.credentials.get({ publicKey, mediation, signal: mine.signal });
  show("wait");
  const done = await post("/ceremonies/connexion/fin", { ceremony: begun.ceremony, response: toJSON(credential) });
  $("[data-hello]", form).textContent = done.hello;
  show("done");
  location.replace(form.dataset.next || "/");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  show("wait");
  try {
    await ceremony("optional");
  } catch (error) {
    if (error.name !== "AbortError") failed(explain(error));
  }
});
$("[data-cancel]", form).addEventListener("click", () => {
  if (waiting) waiting.abort();
  show("ready");
  $("[data-go]", form).focus();
});

async function propose() {
  if (!PublicKeyCredential.isConditionalMediationAvailable || !(await PublicKeyCredential.isConditionalMediationAvailable())) return;
  $("[data-autofill]", form).readOnly = false;
  try {
    await ceremony("conditional");
  } catch (error) {
    // Nothing was asked of the person yet: only a refused account deserves words.
    if (error.name !== "AbortError" && error.status && error.status !== 429) failed(explain(error));
  }
}

if (supported()) propose();
else failed(explain({ name: "NotSupportedError" }));
