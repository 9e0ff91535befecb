// A session that ends while somebody writes. Before a form leaves, the page
// asks whether its session still stands. When it does not, the person signs in
// again where they are, and what they wrote goes, files included. Somebody
// else who signs in sends nothing of theirs.
import { $, $$, post } from "./ui.js";
import { requestOptions, toJSON, explain } from "./passkey.js";

const mine = document.body.dataset.person || "";

// standing asks whose session this is: null when it is nobody's, undefined
// without an answer.
async function standing() {
  try {
    const response = await fetch("/session", { credentials: "same-origin", headers: { Accept: "application/json" } });
    if (response.status === 401) return null;
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}

// take gives the token of the session to what this page will send.
function take(csrf) {
  document.body.dataset.csrf = csrf;
  for (const input of $$("input[name=csrf]")) input.value = csrf;
}

function element(tag, properties, ...children) {
  const el = Object.assign(document.createElement(tag), properties);
  el.append(...children);
  return el;
}

// door is the dialog where somebody signs in again.
function door() {
  const title = element("h2", { id: "session-t", tabIndex: -1, textContent: "Votre session s’est terminée" });
  title.dataset.title = "";
  const again = element("button", { type: "button", className: "btn act big wide", textContent: "Me reconnecter avec ma clé d’accès" });
  const later = element("button", { type: "button", className: "btn quiet wide", textContent: "Plus tard" });
  const other = element("a", { href: "/connexion", target: "_blank", rel: "noopener", textContent: "Ou connectez-vous dans un autre onglet, puis revenez ici." });
  const why = element("p", { className: "err", hidden: true });
  why.setAttribute("role", "alert");
  const dialog = element("dialog", { className: "sheet" }, element("div", { className: "panel stack" }, title,
    element("p", { textContent: "Rien n’est perdu\u00a0: ce que vous avez écrit est toujours ici, et partira dès que vous serez reconnecté." }),
    why, again, element("p", { className: "fine" }, other), later));
  dialog.dataset.door = "";
  dialog.setAttribute("aria-labelledby", title.id);
  return { dialog, again, later, why };
}

async function signIn() {
  const begun = await post("/ceremonies/connexion/debut", {});
  const credential = await navigator.credentials.get({ publicKey: requestOptions(begun.options) });
  await post("/ceremonies/connexion/fin", { ceremony: begun.ceremony, response: toJSON(credential) });
}

// Several requests may find the session ended; they wait at the same door.
let waiting = null;

// resume is true once the session of this page's person stands, without a
// question when it never ended; false when they gave up.
export async function resume() {
  if (!mine) return true;
  const now = await standing();
  if (now === undefined) return true; // the request itself will tell
  if (now?.person === mine) { take(now.csrf); return true; }
  waiting ??= ask().finally(() => { waiting = null; });
  return waiting;
}

function ask() {
  const { dialog, again, later, why } = door();
  const tell = (text) => { why.textContent = text; why.hidden = false; };
  document.body.append(dialog);
  const before = document.activeElement;
  return new Promise((resolve) => {
    let done = false;
    const check = async () => {
      const now = await standing();
      if (now?.person === mine) { take(now.csrf); done = true; dialog.close(); }
      else if (now) tell("Un autre compte vient d’entrer. Ce qui est écrit ici est à vous\u00a0: reconnectez-vous avec votre clé.");
    };
    again.addEventListener("click", async () => {
      why.hidden = true;
      again.disabled = true;
      try {
        await signIn();
        await check();
      } catch (error) {
        const told = explain(error);
        tell(`${told.title}. ${told.text}`);
      }
      again.disabled = false;
    });
    later.addEventListener("click", () => dialog.close());
    addEventListener("focus", check);
    dialog.addEventListener("close", () => {
      removeEventListener("focus", check);
      dialog.remove();
      before?.focus?.({ preventScroll: true });
      resolve(done);
    });
    dialog.showModal();
    $("h2", dialog).focus();
  });
}

// A form leaves once, and only when its session stands.
let leaving = null, left = new WeakMap();
addEventListener("submit", async (event) => {
  const form = event.target, by = event.submitter;
  if (event.defaultPrevented || !mine || form.getAttribute("method")?.toLowerCase() !== "post" || !$("input[name=csrf]", form)) return;
  if ((by?.getAttribute("formaction") || form.getAttribute("action") || "").startsWith("/quitter")) return;
  if (leaving === form) { leaving = null; return; }
  event.preventDefault();
  if (Date.now() - (left.get(form) || 0) < 3000) return; // a second click
  left.set(form, Date.now());
  if (!await resume()) { left.delete(form); return; }
  left.set(form, Date.now());
  leaving = form;
  form.requestSubmit(by?.isConnected ? by : null);
});
addEventListener("pageshow", () => { left = new WeakMap(); });
