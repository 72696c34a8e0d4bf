"use strict";
// The offline desk. Data reaches the page through textContent and checked picture paths only.
(() => {
  const words = JSON.parse(document.getElementById("words").textContent);
  const index = JSON.parse(document.getElementById("index").textContent);
  const PATH = /^pictures\/[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+\.jpg$/;
  const decisions = new Map();
  const done = [];
  const items = [];
  for (const person of index.registrations) {
    for (const paper of person.documents) items.push({ person, paper });
  }
  let at = 0;
  let zoom = 1;
  let turn = 0;

  function make(tag, text, parent, action) {
    const node = document.createElement(tag);
    if (text) node.textContent = text;
    if (action) { node.type = "button"; node.addEventListener("click", action); }
    parent.append(node);
    return node;
  }

  const nav = make("nav", "", document.body);
  nav.setAttribute("aria-label", words.list);
  const main = make("main", "", document.body);
  main.tabIndex = 0;
  const side = make("aside", "", document.body);
  make("h1", words.title, nav);
  const progress = make("p", "", nav);
  progress.setAttribute("role", "status");
  const list = make("ul", "", nav);
  const rows = items.map((item, number) => {
    const button = make("button", "", make("li", "", list), () => show(number));
    return button;
  });
  const heading = make("h2", "", side);
  const facts = make("dl", "", side);
  const accept = make("button", `${words.accept} (A)`, side, () => decide("accepted"));
  accept.className = "main";
  const reasonLabel = make("label", words.reason, side);
  const reason = make("select", "", reasonLabel);
  for (const one of index.reasons || []) {
    make("option", document.documentElement.lang === "en" ? one.text_en : one.text, reason).value = one.code;
  }
  const text = make("textarea", "", make("label", words.text, side));
  text.maxLength = 500;
  const back = make("button", `${words.return} (R)`, side, () => decide("returned"));
  const tools = make("p", "", side);
  const commands = {
    previous: () => show(at - 1), next: () => show(at + 1), undo,
    zoom_in: () => view(zoom * 1.25, turn), zoom_out: () => view(zoom / 1.25, turn),
    fit: () => view(1, 0), rotate: () => view(zoom, turn + 90), save,
  };
  for (const [name, action] of Object.entries(commands)) make("button", words[name], tools, action);
  make("p", words.note, side);

  function view(scale, degrees) {
    zoom = Math.min(8, Math.max(0.25, scale));
    turn = degrees % 360;
    const picture = main.querySelector("img");
    if (picture) picture.style.transform = `scale(${zoom}) rotate(${turn}deg)`;
  }

  function refresh() {
    let open = 0;
    rows.forEach((row, number) => {
      const { person, paper } = items[number];
      const state = decisions.get(paper.document_id)?.outcome || "open";
      if (state === "open" && paper.state === "included") open += 1;
      row.textContent = `${person.name} ${paper.kind_label} · ${words[state]}`;
      row.setAttribute("aria-current", String(number === at));
    });
    progress.textContent = `${words.progress}: ${decisions.size} · ${words.open}: ${open}`;
  }

  function show(number) {
    if (!items.length) return;
    at = Math.min(items.length - 1, Math.max(0, number));
    const { person, paper } = items[at];
    heading.textContent = person.number;
    facts.replaceChildren();
    const fields = [{ label: words.name, value: person.name }, { label: words.id_number, value: person.id_number },
      { label: words.birth_date, value: person.birth_date }, ...(person.fields || [])];
    for (const field of fields) {
      if (!field.value) continue;
      make("dt", field.label, facts);
      make("dd", String(field.value), facts);
    }
    main.replaceChildren();
    const usable = paper.state === "included" && PATH.test(paper.path || "");
    if (usable) {
      const picture = make("img", "", main);
      picture.alt = paper.kind_label || "";
      picture.src = paper.path;
    } else {
      make("p", `${words.missing} ${paper.problem || ""}`, main);
    }
    accept.disabled = back.disabled = !usable;
    view(1, 0);
    refresh();
  }

  function decide(outcome) {
    const { paper } = items[at] || {};
    if (!paper || paper.state !== "included") return;
    done.push([paper.document_id, decisions.get(paper.document_id)]);
    decisions.set(paper.document_id, outcome === "accepted"
      ? { outcome, reason_code: "", reason_text: "" }
      : { outcome, reason_code: reason.value, reason_text: text.value });
    text.value = "";
    show(at + 1);
  }

  function undo() {
    const last = done.pop();
    if (!last) return;
    if (last[1]) decisions.set(last[0], last[1]); else decisions.delete(last[0]);
    show(items.findIndex((item) => item.paper.document_id === last[0]));
  }

  function cell(value) {
    // A cell that starts like a formula is text to a spreadsheet only behind an apostrophe.
    const safe = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
    return `"${safe.replaceAll('"', '""')}"`;
  }

  function save() {
    const lines = ["document_id,sha256,outcome,reason_code,reason_text"];
    for (const { paper } of items) {
      const one = decisions.get(paper.document_id);
      if (!one) continue;
      lines.push([paper.document_id, paper.sha256, one.outcome, one.reason_code, one.reason_text]
        .map((value) => cell(String(value))).join(","));
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    link.download = "results.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(TEXTAREA|SELECT|INPUT)$/.test(event.target.tagName)) return;
    const keys = {
      a: () => decide("accepted"), r: () => reason.focus(), u: undo, ArrowRight: commands.next,
      ArrowLeft: commands.previous, "+": commands.zoom_in, "-": commands.zoom_out, "0": commands.fit,
    };
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action) { event.preventDefault(); action(); }
  });
  window.addEventListener("beforeunload", (event) => { if (decisions.size) event.preventDefault(); });
  show(0);
})();
