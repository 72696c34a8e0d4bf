// The desk's own page: list, picture, data, keys, dialogs. Text is only ever set as text.

import { byId, fill, make } from "./page.js";
import { Viewer } from "./viewer.js";

const DATA = ["birth_date", "id_number"];

/** The desk after a release was opened. */
export class DeskView {
  constructor(page, book, saver) {
    this.page = page;
    this.words = page.words;
    this.book = book;
    this.saver = saver;
    this.at = 0;
    this.viewer = new Viewer(byId("desk-stage"), (percent) => {
      byId("desk-zoom").textContent = fill(this.words.zoom_level, { percent });
    });
    this.returning = byId("desk-return-dialog");
    this.publishing = byId("desk-publish-dialog");
    this.helping = byId("desk-help-dialog");
    this.rows = [];
  }

  /** Show the desk in place of its door. */
  begin() {
    byId("desk-door").hidden = true;
    byId("desk").hidden = false;
    document.documentElement.classList.add("desk-open");
    this.#list();
    this.#buttons();
    document.addEventListener("keydown", (event) => this.#key(event));
    addEventListener("beforeunload", (event) => {
      if (this.saver.waiting.size) event.preventDefault();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.saver.flush({ leaving: true });
    });
    const { items } = this.book;
    const people = new Set(items.map((item) => item.person)).size;
    this.saved("saved", 0);
    this.show(Math.max(0, this.book.nextOpen(-1)));
    this.say(fill(this.words.ready, { registrations: people, documents: items.length }));
    byId("desk-stage").focus();
  }

  #buttons() {
    const acts = {
      accept: () => this.accept(), return: () => this.askReturn(), undo: () => this.undo(),
      previous: () => this.show(this.at - 1), next: () => this.show(this.at + 1),
      "zoom-in": () => this.viewer.zoom(1.25), "zoom-out": () => this.viewer.zoom(0.8),
      rotate: () => this.viewer.rotate(), fit: () => this.viewer.fit(),
      publish: () => this.askPublish(), help: () => this.helping.showModal(),
      retry: () => this.saver.flush(),
    };
    for (const button of document.querySelectorAll("[data-act]")) {
      button.addEventListener("click", acts[button.dataset.act]);
    }
    byId("desk-search").addEventListener("input", () => this.#filter());
    byId("desk-return-form").addEventListener("submit", (event) => this.#return(event));
    byId("desk-publish-form").addEventListener("submit", (event) => this.#publish(event));
    for (const button of document.querySelectorAll("[data-close]")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
  }

  // --- the list -----------------------------------------------------------------------------

  #list() {
    const list = byId("desk-list");
    const several = new Map();
    for (const { person } of this.book.items) several.set(person, (several.get(person) ?? 0) + 1);
    this.rows = this.book.items.map((item, number) => {
      const button = make("button", "", make("li", "", null), "desk-row");
      button.type = "button";
      make("span", item.person.name, button, "desk-row-name");
      if (several.get(item.person) > 1) make("small", item.paper.kind_label, button);
      make("span", "", button, "desk-mark");
      button.addEventListener("click", () => this.show(number));
      return button;
    });
    list.replaceChildren(...this.rows.map((row) => row.parentElement));
    this.book.items.forEach((_item, number) => this.#mark(number));
  }

  #mark(number) {
    const item = this.book.items[number];
    const state = this.book.stateOf(item);
    const row = this.rows[number];
    row.dataset.state = state;
    const said = this.words[`state_${state}`] + (item.published ? ` · ${this.words.state_published}` : "");
    const mark = row.querySelector(".desk-mark");
    mark.textContent = { open: "·", accepted: "✓", returned: "↩", missing: "–", broken: "!" }[state];
    mark.title = said;
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", said);
  }

  #filter() {
    const wanted = byId("desk-search").value.trim().toLowerCase();
    this.book.items.forEach((item, number) => {
      const text = `${item.person.name} ${item.person.number}`.toLowerCase();
      this.rows[number].parentElement.hidden = !text.includes(wanted);
    });
  }

  #progress() {
    const counts = this.book.counts();
    byId("desk-counts").textContent = fill(this.words.progress, counts);
    byId("desk-bar").value = counts.all ? (counts.all - counts.rest) / counts.all : 1;
    byId("desk-publish").disabled = !(counts.draftAccepted + counts.draftReturned);
  }

  // --- one document -------------------------------------------------------------------------

  /** Show the document at a place. */
  show(at) {
    const { items } = this.book;
    if (items.length === 0) return;
    this.rows[this.at]?.removeAttribute("aria-current");
    this.at = Math.min(items.length - 1, Math.max(0, at));
    const item = items[this.at];
    this.rows[this.at].setAttribute("aria-current", "true");
    this.#inSight(this.rows[this.at]);
    const { person, paper } = item;
    const picture = fill(this.words.picture_of, { name: person.name, kind: paper.kind_label });
    const why = this.words[`why_${item.broken}`] ?? this.words.why_broken;
    this.viewer.show(item.blob, item.blob ? picture : fill(this.words.no_picture, { why }));
    byId("desk-number").textContent = person.number;
    byId("desk-position").textContent = fill(this.words.position, { at: this.at + 1, all: items.length });
    this.#facts(person, paper);
    this.#decided(item);
    this.#progress();
  }

  /** Scroll the list, and only the list: on a phone the page must stay where it is. */
  #inSight(row) {
    const list = byId("desk-list");
    const top = row.getBoundingClientRect().top - list.getBoundingClientRect().top;
    if (top < 0) list.scrollTop += top;
    else if (top > list.clientHeight - row.offsetHeight) {
      list.scrollTop += top - list.clientHeight + row.offsetHeight;
    }
  }

  #facts(person, paper) {
    const facts = byId("desk-facts");
    facts.replaceChildren();
    const put = (label, value) => {
      if (!value) return;
      make("dt", label, facts);
      make("dd", value, facts);
    };
    put(this.words.name, person.name);
    for (const key of DATA) put(this.words[key], grouped(key, person[key]));
    for (const field of person.fields ?? []) put(field.label, field.value);
    put(this.words.kind, paper.kind_label);
    const warnings = (paper.warnings ?? []).map((code) => this.words[code] ?? code);
    put(this.words.warnings, warnings.join(" · "));
  }

  #decided(item) {
    const can = this.book.canDecide(item);
    const state = this.book.stateOf(item);
    const line = byId("desk-decision");
    line.dataset.state = state;
    line.textContent = item.decision ? this.#decisionWords(item) : this.words[`state_${state}`];
    for (const act of ["accept", "return"]) {
      const button = document.querySelector(`[data-act="${act}"]`);
      button.disabled = !can;
      const chosen = item.decision?.outcome === { accept: "accepted", return: "returned" }[act];
      button.setAttribute("aria-pressed", String(chosen));
    }
  }

  #decisionWords(item) {
    const { outcome, reason_code: code, reason_text: text } = item.decision;
    const parts = [this.words[`state_${outcome}`]];
    if (code) parts.push(this.page.reasons.find((one) => one.code === code)?.label ?? code);
    if (text) parts.push(text);
    if (item.published) parts.push(this.words.state_published);
    return parts.join(" · ");
  }

  /** Say something to everyone, screen readers included. */
  say(sentence) {
    byId("desk-said").textContent = sentence;
  }

  // --- deciding -----------------------------------------------------------------------------

  #apply(decision, sentence) {
    const item = this.book.items[this.at];
    if (!this.book.canDecide(item)) {
      this.say(item.published ? this.words.locked : this.words[`state_${this.book.stateOf(item)}`]);
      return;
    }
    this.saver.put(item.id, this.book.decide(item, decision));
    this.#mark(this.at);
    const next = this.book.nextOpen(this.at);
    this.show(next < 0 ? this.at : next);
    this.say(fill(sentence, { name: item.person.name, reason: this.#label(decision.reason_code) }));
  }

  #label(code) {
    return this.page.reasons.find((one) => one.code === code)?.label ?? "";
  }

  /** Accept the document that is shown. */
  accept() {
    const decision = { outcome: "accepted", reason_code: "", reason_text: "" };
    this.#apply(decision, this.words.accepted_said);
  }

  /** Ask why the document that is shown comes back. */
  askReturn() {
    const item = this.book.items[this.at];
    if (!this.book.canDecide(item)) {
      this.say(this.words.locked);
      return;
    }
    const form = byId("desk-return-form");
    form.reset();
    byId("desk-return-problem").hidden = true;
    byId("desk-return-name").textContent = `${item.person.name} · ${item.paper.kind_label}`;
    if (item.decision?.outcome === "returned") {
      form.elements.reason.value = item.decision.reason_code;
      form.elements.text.value = item.decision.reason_text;
    }
    this.returning.showModal();
    (form.querySelector("input[name=reason]:checked") ?? form.querySelector("input[name=reason]")).focus();
  }

  #return(event) {
    event.preventDefault();
    const { reason, text } = event.target.elements;
    const code = reason.value;
    const said = text.value.trim();
    if (!code || (code === "other" && !said)) {
      const problem = byId("desk-return-problem");
      problem.textContent = this.words.reason_needed;
      problem.hidden = false;
      (code ? text : reason[0]).focus();
      return;
    }
    this.returning.close();
    const decision = { outcome: "returned", reason_code: code, reason_text: said };
    this.#apply(decision, this.words.returned_said);
  }

  /** Take the last decision back and show its document. */
  undo() {
    const item = this.book.undo();
    if (!item) {
      this.say(this.words.nothing_undo);
      return;
    }
    this.saver.put(item.id, this.book.rowOf(item));
    const at = this.book.items.indexOf(item);
    this.#mark(at);
    this.show(at);
    this.say(fill(this.words.undone, { name: item.person.name }));
  }

  // --- saving and publishing ----------------------------------------------------------------

  /** Tell whether decisions are saved. */
  saved(state, count) {
    const line = byId("desk-saved");
    line.dataset.state = state;
    const sentence = { saved: "saved", saving: "saving", unsaved: "unsaved", login: "save_login" };
    line.textContent = fill(this.words[sentence[state]], { count });
    byId("desk-retry").hidden = state !== "login" && state !== "unsaved";
    byId("desk-login").hidden = state !== "login";
  }

  /** Rows that the server did not take are shown as undecided again. */
  refused(problems) {
    for (const { document_id: id } of problems) {
      const item = this.book.byId.get(id);
      if (!item || item.published) continue;
      item.decision = null;
      this.#mark(this.book.items.indexOf(item));
    }
    this.show(this.at);
    const sentences = new Set(problems.map((one) => one.words));
    this.say([fill(this.words.refused, { count: problems.length }), ...sentences].join(" "));
  }

  /** Show what would be published. */
  askPublish() {
    const counts = this.book.counts();
    if (!(counts.draftAccepted + counts.draftReturned)) {
      this.say(this.words.publish_none);
      return;
    }
    byId("desk-publish-summary").textContent = fill(this.words.publish_summary, {
      accepted: counts.draftAccepted, returned: counts.draftReturned, rest: counts.rest,
    });
    byId("desk-publish-problem").hidden = true;
    this.publishing.showModal();
  }

  async #publish(event) {
    event.preventDefault();
    const button = byId("desk-publish-now");
    button.disabled = true;
    try {
      if (!(await this.saver.flush())) throw new Error("unsaved");
      const answer = await this.saver.form(this.page.addresses.publish, { confirm: "y" });
      if (!answer.ok) throw new Error(String(answer.status));
      const done = await answer.json();
      const state = await this.saver.load();
      const settled = new Set(state.published.map((row) => row.document_id));
      this.book.publishAll();
      for (const item of this.book.items) {
        if (item.published && !settled.has(item.id)) {
          item.published = false;
          item.decision = null;
        }
      }
      this.book.items.forEach((_item, number) => this.#mark(number));
      this.publishing.close();
      this.show(this.at);
      const parts = [fill(this.words.published_done, done)];
      if (done.stale) parts.push(fill(this.words.published_stale, { count: done.stale }));
      this.say(parts.join(" "));
    } catch {
      const problem = byId("desk-publish-problem");
      problem.textContent = this.words.publish_failed;
      problem.hidden = false;
    } finally {
      button.disabled = false;
    }
  }

  // --- keys ---------------------------------------------------------------------------------

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (this.returning.open) {
      this.#returnKey(event);
      return;
    }
    if (document.querySelector("dialog[open]") || event.target.closest("input, textarea, select")) return;
    const act = {
      a: () => this.accept(), r: () => this.askReturn(), u: () => this.undo(), z: () => this.undo(),
      arrowright: () => this.show(this.at + 1), arrowleft: () => this.show(this.at - 1),
      arrowdown: () => this.show(this.at + 1), arrowup: () => this.show(this.at - 1),
      "+": () => this.viewer.zoom(1.25), "=": () => this.viewer.zoom(1.25),
      "-": () => this.viewer.zoom(0.8), 0: () => this.viewer.fit(), e: () => this.viewer.rotate(),
      p: () => this.askPublish(), "/": () => byId("desk-search").focus(),
      "?": () => this.helping.showModal(),
    }[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** In the dialog a digit chooses a reason, unless text is being written. */
  #returnKey(event) {
    if (event.target.closest("textarea") || !/^[1-9]$/.test(event.key)) return;
    const radio = this.returning.querySelectorAll("input[name=reason]")[Number(event.key) - 1];
    if (!radio) return;
    event.preventDefault();
    radio.checked = true;
    radio.focus();
  }
}

/** An 18-digit ID number in the groups it is read in. */
function grouped(key, value) {
  const text = String(value ?? "");
  if (key !== "id_number" || !/^\d{17}[\dXx]$/.test(text)) return text;
  return `${text.slice(0, 6)} ${text.slice(6, 14)} ${text.slice(14)}`;
}
