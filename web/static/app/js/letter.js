// Reading a letter: tabs, page counter, reading as text, zoom on demand.
import { $, $$, whenPresent } from "./ui.js";
import { bytesOf } from "./bytes.js";

whenPresent("[role=tablist]", (list) => {
  const tabs = $$("[role=tab]", list);
  const select = (tab) => {
    for (const other of tabs) {
      const on = other === tab;
      other.setAttribute("aria-selected", on);
      other.tabIndex = on ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !on;
    }
  };
  for (const tab of tabs) {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const last = tabs.length - 1, at = tabs.indexOf(tab);
      const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      select(tabs[to]);
      tabs[to].focus();
    });
  }
});

whenPresent("[data-doc]", (doc) => {
  const fact = $("[data-page]", doc), leaves = $$("[data-leaf]", doc), total = leaves.length;
  const asText = $("[data-as-text]", doc), zoom = $("[data-zoom]", doc);
  const panes = { pages: $("[data-leaves]", doc), prose: $("[data-prose]", doc), viewer: $("[data-viewer]", doc) };
  const swap = (button, on, label) => { button.setAttribute("aria-pressed", on); $("span", button).textContent = label; };
  const show = (name) => {
    for (const [key, pane] of Object.entries(panes)) pane.hidden = key !== name;
    swap(asText, name === "prose", name === "prose" ? "En pages" : "En texte");
    swap(zoom, name === "viewer", name === "viewer" ? "Réduire" : "Agrandir");
  };

  for (const leaf of leaves) {
    const image = $("img", leaf);
    const missing = () => {
      const note = document.createElement("p");
      note.className = "empty mute";
      note.textContent = "L’aperçu de cette page n’est pas disponible. «\u00a0Agrandir\u00a0» ouvre le PDF lui-même.";
      leaf.replaceChildren(note);
    };
    if (image.complete && image.naturalWidth === 0 && image.currentSrc && image.loading !== "lazy") missing();
    image.addEventListener("error", missing);
  }
  if (total > 1) {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) fact.textContent = `Page ${entry.target.dataset.leaf} sur ${total}`;
    }, { rootMargin: "-45% 0px -45% 0px" });
    for (const leaf of leaves) seen.observe(leaf);
  }

  asText.addEventListener("click", async () => {
    if (asText.getAttribute("aria-pressed") === "true") { show("pages"); return; }
    if (!panes.prose.childElementCount) {
      try {
        const response = await fetch(doc.dataset.text, { credentials: "same-origin" });
        if (!response.ok) throw new Error("no text");
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        panes.prose.replaceChildren(...$("[data-text-fragment]", page).childNodes);
      } catch {
        location.href = doc.dataset.text;
        return;
      }
    }
    show("prose");
    panes.prose.focus({ preventScroll: true });
  });

  let viewer;
  zoom.addEventListener("click", async () => {
    if (zoom.getAttribute("aria-pressed") === "true") { show("pages"); return; }
    show("viewer");
    try {
      const { open } = await import("./viewer.js");
      viewer = viewer || (await open(panes.viewer, doc.dataset.content, doc.closest("[data-reader]").dataset.vendor));
      viewer.focus();
    } catch {
      panes.viewer.textContent = "Le PDF n’a pas pu être ouvert ici. Vous pouvez le télécharger par le menu «\u00a0Actions\u00a0».";
      viewer = undefined;
    }
  });
});

// The bytes of a letter that waits for this person are fetched while it is
// read: the decision then only hashes them.
const decides = $("[data-verb=sign], [data-verb=visa], [data-verb=seal], [data-verb=advise], [data-verb=record], [data-verb=answer], [data-must-read]");
const main = $("[data-doc='1']");
if (decides && main && !(navigator.connection && navigator.connection.saveData)) {
  const fetchSoon = () => bytesOf(main.dataset.content).catch(() => {});
  if (window.requestIdleCallback) requestIdleCallback(fetchSoon, { timeout: 3000 });
  else setTimeout(fetchSoon, 800);
}
