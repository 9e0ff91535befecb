// The administration: arrows in the tree of desks, the mention of a delegation
// as it is typed, and the values of a field only where a list needs them.
import { $, $$ } from "./ui.js";

for (const tree of $$("[data-tree]")) {
  const nodes = () => $$("[data-node]", tree);
  tree.addEventListener("keydown", (event) => {
    const here = event.target.closest("[data-node]");
    if (!here || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = nodes(), at = all.indexOf(here), item = here.closest("li");
    const to = {
      ArrowDown: all[at + 1],
      ArrowUp: all[at - 1],
      Home: all[0],
      End: all[all.length - 1],
      ArrowRight: $(":scope > ul [data-node]", item),
      ArrowLeft: item.parentElement.closest("li") && $("[data-node]", item.parentElement.closest("li")),
    }[event.key];
    if (!to) return;
    event.preventDefault();
    to.focus();
  });
}

const mention = $("[data-mention]");
if (mention) {
  const form = $("[data-form]"), out = $("[data-mention-text]", mention);
  let last = "", waiting;
  const line = (tag, text, name) => {
    const el = document.createElement(tag);
    el.textContent = text;
    if (name) el.className = name;
    return el;
  };
  const show = (m) => {
    if (!m.text) return out.replaceChildren(line("p", "Choisissez le délégant, le délégataire et leurs qualités.", "mute"));
    const quote = line("blockquote", m.text, "mention");
    quote.append(document.createElement("br"), line("strong", m.name));
    out.replaceChildren(quote, line("p", m.state));
  };
  const ask = async () => {
    const data = new FormData(form);
    data.delete("pdf");
    const body = new URLSearchParams(data), asked = body.toString();
    if (asked === last) return;
    last = asked;
    try {
      const response = await fetch("/administration/delegations/apercu", { method: "POST", body, credentials: "same-origin", headers: { Accept: "application/json", "X-CSRF-Token": document.body.dataset.csrf || "" } });
      if (response.ok && asked === last) show(await response.json());
    } catch { /* the mention stays as it was; saving checks everything */ }
  };
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 250); });
}

// The values of a list are asked for lists only.
for (const kind of $$("[data-part=champs] select[name$='-type']")) {
  const values = $(`[name="${kind.name.replace(/-type$/, "-values")}"]`).closest(".field");
  const follow = () => { values.hidden = kind.value !== "list" && kind.value !== "lists"; };
  kind.addEventListener("change", follow);
  follow();
}
