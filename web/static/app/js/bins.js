// Choosing several letters, and the preview on a wide screen.
import { $, $$ } from "./ui.js";
import { ceremony } from "./decision.js";

const form = $("[data-letters]"), wide = matchMedia("(min-width: 64rem)");
const preview = $("[data-preview]");
const many = (n, one, more) => (n === 1 ? one : more.replace("#", n));

function point(row) {
  for (const link of $$("a[aria-current]", form)) link.removeAttribute("aria-current");
  const link = $("h3 a", row);
  link.setAttribute("aria-current", "true");
  $("[data-p-title]", preview).textContent = link.textContent;
  $("[data-p-meta]", preview).textContent = $(".to", row).textContent;
  $("[data-p-ask]", preview).textContent = row.dataset.ask;
  $("[data-p-link]", preview).href = link.href;
  $("[data-p-img]", preview).src = row.dataset.img;
  $(".leaf", preview).scrollTop = 0;
}

if (form && preview) {
  const first = $(".letter", form);
  if (first && wide.matches) point(first);
  // First click: preview. Second click, or Enter on the current one: open.
  form.addEventListener("click", (event) => {
    const link = event.target.closest("h3 a");
    if (!link || !wide.matches || link.hasAttribute("aria-current") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    point(link.closest(".letter"));
  });
  form.addEventListener("live:replaced", () => {
    const row = $(".letter", form);
    if (row && wide.matches) point(row);
  });
}

const bar = $("[data-batch]");
if (form && bar) {
  const dialog = $("#lot"), panel = $("[data-decision-batch]");
  const chosen = () => $$("input:checked[name=lot]", form).map((box) => box.closest(".letter"));
  const title = (row) => $("h3 a", row).textContent;
  const count = () => {
    const rows = chosen(), unread = rows.filter((row) => row.classList.contains("unread"));
    bar.hidden = rows.length === 0;
    $("[data-count]").textContent = many(rows.length, "1 lettre choisie", "# lettres choisies") +
      (unread.length ? many(unread.length, ". 1 reste à ouvrir avant de décider.", ". # restent à ouvrir avant de décider.") : ".");
    $("[data-batch-label]").textContent = unread.length ? "Lire d’abord" : verbs(rows);
    return { rows, unread };
  };
  const verbs = (rows) => {
    const kinds = new Set(rows.map((row) => row.dataset.decision));
    const verb = kinds.size > 1 ? "Viser et signer" : kinds.has("visa") ? "Viser" : "Signer";
    return many(rows.length, verb, `${verb} les #`);
  };
  let rows = [];
  const run = ceremony(panel, {
    actor: panel.dataset.actor, safe: "Aucune de ces lettres n’est décidée.",
    items: () => rows.map((row) => ({ dossier: row.dataset.dossier, decision: row.dataset.decision, content: `/dossiers/${row.dataset.dossier}/documents/1/contenu` })),
    valid: () => rows.length > 0,
    finished: (outcomes) => report(outcomes),
  });
  const report = (outcomes) => {
    const done = outcomes.filter((o) => !o.error).length, left = outcomes.length - done;
    $("[data-batch-title]", panel).textContent = many(done, "1 décision enregistrée", "# décisions enregistrées") + (left ? `, ${left} laissée${left > 1 ? "s" : ""}` : "");
    $("[data-report]", panel).replaceChildren(...outcomes.map((outcome) => {
      const item = document.createElement("li"), body = document.createElement("div"), text = document.createElement("p");
      const icon = $(outcome.error ? "[data-icon-left] .i" : "[data-icon-taken] .i", panel).cloneNode(true);
      if (outcome.error) icon.classList.add("q");
      text.textContent = outcome.error || outcome.text;
      body.append(outcome.title, text);
      item.append(icon, body);
      return item;
    }));
  };
  form.addEventListener("change", count);
  form.addEventListener("live:replaced", count);
  $("[data-clear]").addEventListener("click", () => { for (const box of $$("input[name=lot]", form)) box.checked = false; count(); });
  $("[data-decide-batch]").addEventListener("click", () => {
    const found = count();
    if (found.unread.length) { location.href = $("h3 a", found.unread[0]).href; return; }
    rows = found.rows;
    const label = verbs(rows);
    $("#lot-t").textContent = `${label} lettre${rows.length > 1 ? "s" : ""}`.replace(/^(Viser|Signer|Viser et signer) lettre$/, "$1 cette lettre");
    $("[data-go-label]", panel).textContent = `${label.replace(/ les \d+$/, "")} avec ma clé d’accès`;
    $("[data-lot]").replaceChildren(...rows.map((row) => {
      const item = document.createElement("li"), name = document.createElement("b"), to = document.createElement("p");
      name.textContent = title(row);
      to.textContent = $(".to", row).textContent;
      to.className = "mute";
      item.append(name, to);
      return item;
    }));
    run.show("ready");
    dialog.showModal();
    $("#lot-t").focus();
    run.anticipate();
  });
}
