// The decision ceremony. Before the gesture, the browser checks by itself that
// what the passkey will sign commits to the very bytes that were read:
//
//   SHA-256(bytes given to the viewer) = statement.doc_sha256
//                                      = digest of the pages on the screen
//   statement names this dossier, this decision, this person, this motive
//   Merkle root of the statements      = set.merkle_root
//   SHA-256("parapheur.decision-set.v1\n" || set) = challenge
//
// Only then does it ask the authenticator. A failure never loses the motive.
import { $, $$, post, request, stage, whenPresent, Lost } from "./ui.js";
import { bytesOf, sha256, hex } from "./bytes.js";
import { decode, requestOptions, toJSON, explain, supported } from "./passkey.js";

const PREFIX = new TextEncoder().encode("parapheur.decision-set.v1\n");

// A Mismatch is a check that failed: the gesture is not asked for.
class Mismatch extends Error {}

function join(...parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) { out.set(p, at); at += p.length; }
  return out;
}
const equal = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

// root is the Merkle tree hash of RFC 9162, 2.1.1, over leaf hashes.
async function root(leaves) {
  if (leaves.length === 1) return leaves[0];
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(join(Uint8Array.of(1), await root(leaves.slice(0, k)), await root(leaves.slice(k))));
}

const insist = (condition, what) => { if (!condition) throw new Mismatch(what); };

// check recomputes everything the challenge commits to.
async function check(asked, items, seen, actor, publicKey) {
  insist(asked.statements.length === items.length, "count");
  const leaves = [];
  for (const [i, item] of items.entries()) {
    const raw = decode(asked.statements[i]);
    const statement = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw));
    insist(statement.dossier === item.dossier, "dossier");
    insist(statement.decision === item.decision, "decision");
    insist(statement.actor === actor, "actor");
    insist(statement.doc_sha256 === seen[i] && (!item.shown || item.shown === seen[i]), "document");
    if (item.said) insist(statement.reason_sha256 === hex(await sha256(new TextEncoder().encode(item.said))), "reason");
    leaves.push(await sha256(join(Uint8Array.of(0), raw)));
  }
  const setBytes = decode(asked.set);
  const set = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(setBytes));
  insist(set.count === leaves.length && set.actor === actor, "set");
  insist(set.merkle_root === hex(await root(leaves)), "root");
  insist(location.hostname === set.rp_id || location.hostname.endsWith("." + set.rp_id), "rp_id");
  insist(equal(await sha256(join(PREFIX, setBytes)), new Uint8Array(publicKey.challenge)), "challenge");
}

// prepare hashes what was read, asks for the request and checks it.
async function prepare(items, actor) {
  const seen = await Promise.all(items.map(async (item) => hex(await sha256(await bytesOf(item.content)))));
  const asked = await post("/ceremonies/decision/debut", {
    items: items.map(({ dossier, decision, reason, advice, outside, to }, i) => ({ dossier, decision, reason, advice, outside, return: to, seen: seen[i] })),
  });
  const publicKey = requestOptions(asked.options);
  await check(asked, items, seen, actor, publicKey);
  return { ceremony: asked.ceremony, publicKey, expires: Date.parse(asked.expires) };
}

// ceremony runs one decision panel. items() says what is decided now;
// finished() shows what became of it.
export function ceremony(panel, { actor, items, valid, finished, safe }) {
  const show = stage(panel);
  let ready, waiting, running = false;

  // anticipate prepares before the tap, so that the authenticator is asked
  // inside the tap itself; some phones accept nothing else.
  function anticipate() {
    const wanted = items();
    const key = JSON.stringify(wanted);
    if (!ready || ready.key !== key || ready.expires < Date.now() + 10_000) {
      const mine = { key, expires: Infinity };
      mine.promise = prepare(wanted, actor).then((p) => { mine.expires = p.expires; return p; });
      mine.promise.catch(() => { if (ready === mine) ready = undefined; });
      ready = mine;
    }
    return ready.promise;
  }

  // letter is where to read again: under the sheet, or the page this one is about.
  const letter = () => { const back = $("a[data-close][href]", panel); return back ? back.href : location.href; };

  function fail(error, sent) {
    let why = explain(error);
    if (error instanceof Mismatch) {
      why = { title: "Ce n’est pas la lettre que vous avez lue", text: "Le document ou la demande a changé entre-temps, et votre navigateur a refusé d’aller plus loin. Relisez la lettre.", again: false, href: letter(), label: "Relire la lettre" };
    } else if (error instanceof Lost && sent) {
      why = { title: "La réponse s’est perdue en route", text: "Votre geste est parti, mais le réseau s’est coupé avant la réponse. Rouvrez la lettre pour voir s’il est enregistré.", again: false, href: letter(), label: "Rouvrir la lettre" };
    }
    $("[data-why-title]", panel).textContent = why.title;
    $("[data-why]", panel).textContent = why.text;
    $("[data-safe]", panel).textContent = sent ? "" : safe;
    $("[data-retry]", panel).hidden = !why.again;
    const out = $("[data-way-out]", panel);
    out.hidden = !why.href;
    if (why.href) { out.href = why.href; out.textContent = why.label; }
    ready = undefined;
    show("failed");
  }

  async function go() {
    if (running || !valid()) return;
    running = true;
    let sent = false;
    waiting = new AbortController();
    const { signal } = waiting;
    const prepared = anticipate();
    show("wait");
    try {
      const { ceremony: id, publicKey } = await prepared;
      if (signal.aborted) return;
      const credential = await navigator.credentials.get({ publicKey, signal });
      sent = true;
      const answer = await post("/ceremonies/decision/fin", { ceremony: id, response: toJSON(credential) });
      ready = undefined;
      show("done");
      finished(answer.outcomes);
    } catch (error) {
      if (!signal.aborted) fail(error, sent);
      else ready = undefined;
    } finally {
      running = false;
    }
  }

  function cancel() {
    if (waiting) waiting.abort();
    running = false;
    show("ready");
    const button = $("[data-go]", panel);
    if (button) button.focus();
  }

  panel.addEventListener("click", (event) => {
    if (event.target.closest("[data-cancel]")) cancel();
    else if (event.target.closest("[data-go], [data-retry]")) {
      event.preventDefault();
      if (event.target.closest("[data-retry]")) show("ready");
      go();
    }
  });
  panel.addEventListener("sheet:closed", () => { if (running && waiting) cancel(); });
  return { anticipate: () => { if (supported()) anticipate().catch(() => {}); }, show };
}

// motive keeps what is typed in this tab until the decision is recorded. An
// opinion that is favourable needs none.
function motive(panel, key) {
  const area = $("[data-reason]", panel);
  if (!area) return null;
  const error = $("#motif-e", panel);
  if (!area.value) area.value = sessionStorage.getItem(key) || "";
  const flag = (missing) => { area.setAttribute("aria-invalid", missing); error.hidden = !missing; };
  area.addEventListener("input", () => {
    sessionStorage.setItem(key, area.value);
    if (area.value.trim()) flag(false);
  });
  const needed = () => !$("[data-senses]", panel) || picked(panel, "sense") !== "favorable";
  return {
    area, needed, text: () => area.value.trim().replace(/\r\n/g, "\n"),
    valid: () => {
      const missing = needed() && !area.value.trim();
      flag(missing);
      if (missing) area.focus();
      return !missing;
    },
    forget: () => sessionStorage.removeItem(key),
  };
}

const picked = (panel, name) => $(`input[name="${name}"]:checked`, panel)?.value;

// outsideAct reads what is said of an act done outside, and keeps its proof:
// the server must answer the digest of the very file that was chosen.
function outsideAct(panel) {
  const root = $("[data-outside]", panel);
  if (!root) return null;
  const input = $("[data-proof]", root), said = $("[data-picked]", root), error = $("#motif-e", root);
  const value = (name) => $(`input[name="${name}"]`, root).value.trim();
  let proof = "", sending;
  const flag = (text) => {
    error.hidden = !text;
    $("span", error).textContent = text || "";
    input.setAttribute("aria-invalid", Boolean(text));
  };
  async function keep(file) {
    const own = hex(await sha256(new Uint8Array(await file.arrayBuffer())));
    const body = new FormData();
    body.append("piece", file);
    const response = await fetch(input.dataset.uploadTo, {
      method: "POST", body, credentials: "same-origin", headers: { Accept: "application/json", "X-CSRF-Token": document.body.dataset.csrf || "" },
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.detail || answer.title || "La preuve n’a pas pu être envoyée.");
    if (answer.sha256 !== own) throw new Error("La preuve reçue n’est pas celle que vous avez choisie. Recommencez.");
    return answer;
  }
  input.addEventListener("change", () => {
    const file = input.files[0];
    proof = "";
    said.textContent = "";
    flag("");
    if (!file) return;
    if (file.size > Number(input.dataset.max)) { flag("Ce fichier est trop volumineux."); return; }
    said.textContent = "Envoi de la preuve…";
    const mine = (sending = keep(file).then((kept) => {
      if (mine !== sending) return;
      proof = kept.sha256;
      said.textContent = `${file.name}, ${kept.size}`;
    }, (why) => {
      if (mine !== sending) return;
      said.textContent = "";
      flag(why.message);
    }));
  });
  return {
    outside: () => ({ means: picked(root, "means"), reference: value("reference"), by: value("by"), on: `${value("on")}T00:00:00Z`, proof }),
    valid: () => {
      if (!value("on")) { $("#x-on", root).focus(); return false; }
      if (!proof) { if (error.hidden) flag("Joignez la preuve de l’acte."); input.focus(); }
      return Boolean(proof);
    },
  };
}

// watchSeal follows the signature until it is on the PDF, or waits for its date.
async function watchSeal(panel, url) {
  const status = $("[data-seal-status]", panel);
  for (let i = 0; status && i < 40 && panel.isConnected; i++) {
    const state = await request("GET", url).catch(() => null);
    if (state && (state.signed || state.awaiting)) {
      status.textContent = state.text;
      if (state.signed) $("[data-done]", panel).textContent = $("[data-done=cachet]", panel) ? "Cachet apposé" : "Lettre signée";
      return;
    }
    await new Promise((next) => { setTimeout(next, 400 + 100 * i); });
  }
  if (status) status.textContent = "La signature se pose encore sur le PDF. La page de la lettre le dira.";
}

// onScreen is the digest of the letter whose pages are displayed under the
// sheet; nothing when the decision has a page of its own.
const onScreen = () => $("[data-doc='1']")?.dataset.sha256;

whenPresent("[data-decision][data-content]", (panel) => {
  if ("before" in panel.dataset) return; // something is asked first, by plain forms
  const { dossier, decision, actor, content, stateUrl } = panel.dataset;
  const reason = motive(panel, `motif:${decision === "refus" ? "" : `${decision}:`}${actor}:${dossier}`);
  const act = outsideAct(panel);
  const item = () => {
    const it = { dossier, decision, content, shown: onScreen(), to: picked(panel, "return") };
    if (decision === "avis") {
      it.advice = { sense: picked(panel, "sense"), text: reason.text() };
      it.said = reason.text() ? `${it.advice.sense}\n${it.advice.text}` : it.advice.sense;
    } else if (act) {
      const x = (it.outside = act.outside());
      it.said = [x.means, x.reference, x.by, x.on.slice(0, 10), x.proof].join("\n");
    } else if (reason) {
      it.reason = it.said = reason.text();
    }
    return it;
  };
  const run = ceremony(panel, {
    actor,
    safe: reason ? "Rien n’est décidé. Ce que vous avez écrit est gardé." : "Rien n’est décidé.",
    items: () => [item()],
    valid: () => (!reason || reason.valid()) && (!act || act.valid()),
    finished: ([outcome]) => {
      if (reason) reason.forget();
      if (outcome && outcome.text) $("[data-done-text]", panel).textContent = outcome.text;
      if (decision === "signature" || decision === "cachet") watchSeal(panel, stateUrl);
    },
  });
  if (!reason && !act) run.anticipate();
  else {
    // Prepared while the person writes, so that the tap asks the authenticator.
    let timer;
    panel.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => { if (reason && (reason.text() || !reason.needed())) run.anticipate(); }, 900);
    });
    bytesOf(content).catch(() => {}); // the tap then only waits for the request
  }
});
