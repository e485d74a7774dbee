"use strict";
// Shows where a figure comes from: what is asked for stands in the page itself, as provenance.py's class Origins has it.
// Texts are set as texts, never as markup.
const asked = JSON.parse(document.getElementById("asked").textContent);
const dialog = document.getElementById("origin");
const body = document.getElementById("origin-body");

function element(name, text) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
}

function addLine(list, term, text) {
  if (!text) return;
  list.append(element("dt", term), element("dd", text));
}

function showOrigin(name) {
  const figure = asked.figures[name];
  const kpi = asked.kpis[figure.kpi];
  document.getElementById("origin-title").textContent =
    `${kpi.title}, ${figure.place}, ${figure.period}: ${figure.words} ${figure.unit}`;
  const list = element("dl");
  addLine(list, "What it is", kpi.description);
  addLine(list, "Status", [figure.status, ...figure.marks].join("; "));
  addLine(list, "Reports", `${figure.received} of ${figure.expected} that were due`);
  addLine(list, "As known on", figure.known_on);
  addLine(list, "Known since", figure.since);
  figure.terms.forEach((number, place) => {
    const term = asked.terms[number];
    addLine(list, place ? "Denominator" : "Numerator", `${term.total} = ${term.words}`);
    const cells = element("ul");
    for (const { release: id, sheet, cells: addresses } of term.cells) {
      const release = asked.releases[id];
      const synthetic = release.synthetic ? " — SYNTHETIC sample data" : "";
      const origin = `${release.publisher}, published ${release.published}, release ${id}, SHA-256 ${release.sha256.slice(0, 12)}…`;
      const item = element("li", `${release.file} (${origin})${synthetic}`);
      item.append(element("br"), `sheet ${sheet}, cells ${addresses}`);
      cells.append(item);
    }
    if (term.returns) cells.append(element("li", `${term.returns} returns of forces, which are not named here`));
    if (!term.adds_up) cells.append(element("li", "These do not add up to the figure, which was computed from others: msoic run computes it again"));
    const where = element("dd");
    where.append(cells);
    list.append(where);
  });
  addLine(list, "What to bear in mind", kpi.caveat);
  body.replaceChildren(list);
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-of]");
  if (button) showOrigin(button.dataset.of);
});
document.getElementById("origin-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
