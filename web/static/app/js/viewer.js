// pdf.js, loaded when somebody zooms: sharp pages at any size, text that can
// be selected, search, and pinching on a phone.
import { $, $$, say } from "./ui.js";
import { bytesOf } from "./bytes.js";

const STEPS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];

// open shows the PDF at url inside host and returns its controls.
export async function open(host, url, vendor) {
  host.textContent = "Ouverture du PDF…";
  const [pdfjs, bytes] = await Promise.all([import(`${vendor}/pdfjs/pdf.min.mjs`), bytesOf(url)]);
  pdfjs.GlobalWorkerOptions.workerSrc = `${vendor}/pdfjs/pdf.worker.min.mjs`;
  const pdf = await pdfjs.getDocument({
    data: new Uint8Array(bytes.slice(0)), // pdf.js takes its buffer away; ours is hashed later
    isEvalSupported: false, enableXfa: false, useWasm: false,
    wasmUrl: `${vendor}/pdfjs/wasm/`, standardFontDataUrl: `${vendor}/pdfjs/fonts/`,
  }).promise;
  host.replaceChildren(bar(), sheets());
  return new Viewer(host, pdfjs, pdf);
}

function element(tag, attributes, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  el.append(...children);
  return el;
}
const button = (name, label, sign) => element("button", { type: "button", class: "btn", [`data-${name}`]: "", "aria-label": label }, sign);

function bar() {
  const find = element("form", { class: "find", role: "search" },
    element("label", { class: "vh", for: "chercher" }, "Chercher dans la lettre"),
    element("input", { id: "chercher", type: "search", placeholder: "Chercher", autocomplete: "off" }),
    button("find-previous", "Résultat précédent", "‹"), button("find-next", "Résultat suivant", "›"),
    element("output", { "aria-live": "polite" }));
  return element("div", { class: "viewer-bar" }, button("smaller", "Réduire", "−"), button("fit", "Ajuster à la largeur", "100 %"), button("larger", "Agrandir", "+"), find);
}
const sheets = () => element("div", { class: "sheets", tabindex: "0", role: "group", "aria-label": "Pages du PDF" });

class Viewer {
  constructor(host, pdfjs, pdf) {
    Object.assign(this, { host, pdfjs, pdf, scale: 1, pages: [], hits: [], at: -1 });
    this.area = $(".sheets", host);
    $("[data-smaller]", host).addEventListener("click", () => this.step(-1));
    $("[data-larger]", host).addEventListener("click", () => this.step(1));
    $("[data-fit]", host).addEventListener("click", () => this.zoom(1));
    const find = $(".find", host), input = $("input", find);
    find.addEventListener("submit", (event) => { event.preventDefault(); this.search(input.value); });
    input.addEventListener("search", () => this.search(input.value));
    $("[data-find-next]", find).addEventListener("click", () => this.jump(1, input.value));
    $("[data-find-previous]", find).addEventListener("click", () => this.jump(-1, input.value));
    this.watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) this.draw(this.pages[entry.target.dataset.at]);
    }, { root: this.area, rootMargin: "600px 0px" });
    this.pinch();
    this.laid = this.lay();
  }

  focus() { this.area.focus({ preventScroll: true }); }

  // lay makes an empty frame of the right size for every page.
  async lay() {
    for (let n = 1; n <= this.pdf.numPages; n++) {
      const page = await this.pdf.getPage(n);
      const frame = element("div", { class: "pdfpage", "data-at": n - 1, role: "group", "aria-label": `Page ${n}` });
      this.area.append(frame);
      this.pages.push({ page, frame, natural: page.getViewport({ scale: 1 }) });
    }
    this.resize();
    for (const { frame } of this.pages) this.watcher.observe(frame);
  }

  // fit is the scale at which the first page is as wide as the area.
  fit() { return Math.max(0.1, (this.area.clientWidth - 24) / this.pages[0].natural.width); }

  resize() {
    const k = this.fit() * this.scale;
    for (const p of this.pages) {
      p.frame.style.width = `${Math.floor(p.natural.width * k)}px`;
      p.frame.style.height = `${Math.floor(p.natural.height * k)}px`;
      p.drawn = 0;
    }
    const fit = $("[data-fit]", this.host);
    fit.textContent = `${Math.round(this.scale * 100)}\u00a0%`;
    fit.setAttribute("aria-label", `${fit.textContent}, ajuster à la largeur`);
  }

  async draw(p) {
    const k = this.fit() * this.scale;
    if (!p || p.drawn === k) return;
    p.drawn = k;
    const viewport = p.page.getViewport({ scale: k });
    // Canvases above some 16 million points fail on phones.
    const sharp = Math.min(window.devicePixelRatio || 1, Math.sqrt(16e6 / (viewport.width * viewport.height)));
    const canvas = element("canvas", { "aria-hidden": "true", width: Math.floor(viewport.width * sharp), height: Math.floor(viewport.height * sharp) });
    await p.page.render({ canvas, viewport, transform: [sharp, 0, 0, sharp, 0, 0] }).promise;
    if (p.drawn !== k) return;
    const text = element("div", { class: "textLayer" });
    text.style.setProperty("--total-scale-factor", k);
    p.frame.replaceChildren(canvas, text);
    await new this.pdfjs.TextLayer({ textContentSource: p.page.streamTextContent(), container: text, viewport }).render();
    this.mark(p);
  }

  step(direction) {
    const next = direction > 0 ? STEPS.find((s) => s > this.scale + 0.01) : [...STEPS].reverse().find((s) => s < this.scale - 0.01);
    if (next) this.zoom(next);
  }

  // zoom keeps the point (x, y) of the area where it is.
  zoom(scale, x = this.area.clientWidth / 2, y = this.area.clientHeight / 2) {
    const wanted = Math.min(4, Math.max(0.5, scale)), ratio = wanted / this.scale;
    const left = (this.area.scrollLeft + x) * ratio - x, top = (this.area.scrollTop + y) * ratio - y;
    this.scale = wanted;
    this.resize();
    this.area.scrollTo(left, top);
    this.redraw();
    say(`Zoom ${Math.round(wanted * 100)}\u00a0%`);
  }

  redraw() {
    const box = this.area.getBoundingClientRect();
    for (const p of this.pages) {
      const r = p.frame.getBoundingClientRect();
      if (r.bottom > box.top - 600 && r.top < box.bottom + 600) this.draw(p);
    }
  }

  // pinch follows two fingers and draws once they leave.
  pinch() {
    const fingers = new Map();
    let start = 0, ratio = 1, middle;
    const distance = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
    this.area.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "touch") return;
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (fingers.size === 2) { start = distance(); ratio = 1; }
    });
    this.area.addEventListener("touchmove", (event) => { if (event.touches.length > 1) event.preventDefault(); }, { passive: false });
    this.area.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (fingers.size !== 2 || !start) return;
      ratio = distance() / start;
      const [a, b] = [...fingers.values()], box = this.area.getBoundingClientRect();
      middle = { x: (a.x + b.x) / 2 - box.left, y: (a.y + b.y) / 2 - box.top };
      for (const p of this.pages) p.frame.style.transform = `scale(${ratio})`;
    });
    const end = (event) => {
      if (!fingers.delete(event.pointerId) || !start || fingers.size) return;
      start = 0;
      for (const p of this.pages) p.frame.style.transform = "";
      if (middle && Math.abs(ratio - 1) > 0.03) this.zoom(this.scale * ratio, middle.x, middle.y);
      middle = undefined;
    };
    for (const type of ["pointerup", "pointercancel"]) this.area.addEventListener(type, end);
  }

  // search finds the pages whose text holds the words, then marks them.
  async search(words) {
    await this.laid;
    this.words = fold(words).trim();
    this.hits = [];
    this.at = -1;
    if (this.words) {
      for (const [n, p] of this.pages.entries()) {
        p.text ??= joined((await p.page.getTextContent()).items.map((i) => i.str + (i.hasEOL ? " " : ""))).text;
        for (let i = p.text.indexOf(this.words); i >= 0; i = p.text.indexOf(this.words, i + this.words.length)) this.hits.push(n);
      }
    }
    for (const p of this.pages) this.mark(p);
    if (this.hits.length) this.jump(1);
    else this.tell(this.missing(words.trim()), true);
  }

  // tell answers the search: a count beside it, a sentence below.
  tell(answer, sentence) {
    const output = $("output", this.host);
    output.textContent = answer;
    output.classList.toggle("sentence", sentence && answer !== "");
  }

  // missing says that the words are not there, and what may be tried.
  missing(words) {
    if (!this.words) return "";
    if (this.pages.every((p) => !p.text.trim())) return "Cette lettre est une image\u00a0: ses mots ne se cherchent pas.";
    const fewer = this.words.includes(" ") ? " Essayez avec un seul mot." : " Essayez le début du mot.";
    return `«\u00a0${words}\u00a0» n’est pas dans la lettre.${fewer}`;
  }

  jump(direction, words) {
    if (words !== undefined && fold(words).trim() !== this.words) { this.search(words); return; }
    if (!this.hits.length) return;
    this.at = (this.at + direction + this.hits.length) % this.hits.length;
    this.tell(`${this.at + 1} sur ${this.hits.length}`, false);
    const p = this.pages[this.hits[this.at]];
    this.draw(p).then(() => {
      for (const el of $$(".hit.on", this.area)) el.classList.remove("on");
      const rank = this.hits.slice(0, this.at).filter((n) => n === this.hits[this.at]).length;
      const hit = $$(".hit", p.frame)[rank] || $(".hit", p.frame) || p.frame;
      hit.classList.add("on");
      hit.scrollIntoView({ block: "center", inline: "nearest" });
    });
  }

  // mark highlights the runs of text that hold the words, or a part of them.
  mark(p) {
    const spans = $$(".textLayer span:not(.markedContent)", p.frame);
    for (const span of spans) span.classList.remove("hit", "on");
    if (!this.words || !spans.length) return;
    const { text: all, starts } = joined(spans.map((span) => span.textContent + (span.nextElementSibling?.tagName === "BR" ? " " : "")));
    for (let i = all.indexOf(this.words); i >= 0; i = all.indexOf(this.words, i + this.words.length)) {
      let n = starts.length - 1;
      while (n > 0 && starts[n] > i) n--;
      spans[n].classList.add("hit");
    }
  }
}

// fold forgets case, accents, ligatures and the signs that join words:
// « l'oeuvre de lefevre » finds « L’Œuvre de Lefèvre ».
const fold = (s) => s.normalize("NFKD").replace(/[\p{M}\u00ad]/gu, "").toLowerCase()
  .replace(/œ/g, "oe").replace(/æ/g, "ae").replace(/ß/g, "ss").replace(/[^\p{L}\p{N}]+/gu, " ");

// joined folds runs of text into one, a single space between words, and says
// where in it each begins.
function joined(runs) {
  let text = "";
  const starts = runs.map((run) => {
    const more = fold(run), at = text.length;
    text += text.endsWith(" ") ? more.trimStart() : more;
    return at;
  });
  return { text, starts };
}
