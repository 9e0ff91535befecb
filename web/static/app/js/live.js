// Live updates. The server only says that something changed; the page asks
// for itself again and replaces the parts that differ, so that rights are
// checked where pages are served. Without this the page is right when loaded.
import { $, $$, say, awaken, forgetSheets } from "./ui.js";

const wanted = document.body.dataset.events;
const served = new Map($$("[data-live]").map((el) => [el.id, el.outerHTML]));
// On the page of one dossier, what happened between its making and the opening
// of the stream is asked for once: somebody may be waiting for just that.
let source, timer, turn = 0, late = Boolean(wanted) && wanted !== "*";

// parts refresh: a part is replaced when what the server sends for it changed,
// not when this page's own scripts touched it.
export async function refresh() {
  const mine = ++turn;
  const response = await fetch(location.href, { credentials: "same-origin", headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (mine !== turn) return; // asked again meanwhile: an older answer must not replace a newer one
  let changed = false;
  for (const fresh of $$("[data-live]", page)) {
    const old = document.getElementById(fresh.id);
    const html = fresh.outerHTML;
    if (!old || served.get(fresh.id) === html) continue;
    // A list that appears or empties changes the whole page around it.
    if (old.matches(".empty") !== fresh.matches(".empty") && !$("dialog[open]")) { location.reload(); return; }
    served.set(fresh.id, html);
    replace(old, document.adoptNode(fresh));
    changed = true;
  }
  if (page.title && page.title !== document.title) document.title = page.title;
  dispatchEvent(new CustomEvent("live:refreshed", { detail: { changed } }));
  if (!changed) return;
  forgetSheets();
  const banner = $("[data-banner] h2") || $("#tete h1");
  say(banner ? `Page à jour\u00a0: ${banner.textContent}` : "Page à jour.");
}

function replace(old, fresh) {
  const within = old.contains(document.activeElement) ? document.activeElement : null;
  const key = within && (within.dataset.verb ? `[data-verb="${within.dataset.verb}"]` : within.id ? `#${CSS.escape(within.id)}` : "");
  if (old.hasAttribute("data-keep") && old.matches("[data-doc]")) fresh.hidden = old.hidden;
  if (old.matches(".open")) fresh.classList.add("open");
  for (const box of $$("input:checked[name=lot]", old)) {
    const same = $(`input[name=lot][value="${CSS.escape(box.value)}"]`, fresh);
    if (same) same.checked = true;
  }
  old.replaceWith(fresh);
  awaken(fresh);
  fresh.dispatchEvent(new CustomEvent("live:replaced", { bubbles: true }));
  const again = key && $(key, fresh);
  if (again) again.focus({ preventScroll: true });
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(() => { refresh().catch(() => { late = true; if (source && source.readyState === EventSource.OPEN) setTimeout(soon, 2000); }); }, 120);
}

function open() {
  if (source || document.hidden) return;
  source = new EventSource("/evenements");
  source.addEventListener("dossier", (event) => {
    const dossier = event.data;
    if (wanted === "*" || dossier === "*" || wanted === dossier) soon();
    dispatchEvent(new CustomEvent("live:event", { detail: { dossier } }));
  });
  source.addEventListener("open", () => { if (late) { late = false; soon(); } });
  source.addEventListener("error", () => { late = true; if (source && source.readyState === EventSource.CLOSED) { source = undefined; setTimeout(open, 5000); } });
}
function close() {
  if (source) source.close();
  source = undefined;
  late = true; // what happens meanwhile is asked for on return
}
// A hidden page holds no connection: phones keep their battery, and browsers
// that allow six connections a host keep them for the page that is read.
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => { if (event.persisted) { late = true; open(); } });
open();
