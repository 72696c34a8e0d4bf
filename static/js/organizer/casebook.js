// What the desk knows of each document: its person, its picture, its decision, and the way back.

/** The open release as a list of documents with decisions that can be undone. */
export class Casebook {
  /**
   * @param {{index: object, pictures: Map<string, Blob>, broken: Map<string, string>}} opened
   * @param {{drafts: object[], published: object[]}} state what the server has kept
   */
  constructor(opened, state) {
    this.items = [];
    for (const person of opened.index.registrations) {
      for (const paper of person.documents) {
        const id = paper.document_id;
        this.items.push({
          id, person, paper, blob: opened.pictures.get(id), broken: opened.broken.get(id),
          decision: null, published: false,
        });
      }
    }
    this.byId = new Map(this.items.map((item) => [item.id, item]));
    this.history = [];
    for (const row of state.drafts) this.#keep(row, false);
    for (const row of state.published) this.#keep(row, true);
  }

  #keep(row, published) {
    const item = this.byId.get(row.document_id);
    if (!item) return;
    item.decision = {
      outcome: row.outcome, reason_code: row.reason_code, reason_text: row.reason_text,
    };
    item.published = published;
  }

  /** open | accepted | returned | missing | broken */
  stateOf(item) {
    if (item.decision) return item.decision.outcome;
    if (!item.broken) return "open";
    return item.broken === "missing" ? "missing" : "broken";
  }

  /** Can this document be decided here? One that came in the batch, seen or broken, can. */
  canDecide(item) {
    return !item.published && item.paper.state === "included";
  }

  /** Set a decision (or null) and remember the one before. Returns the row to save. */
  decide(item, decision) {
    this.history.push({ item, before: item.decision });
    item.decision = decision;
    return this.rowOf(item);
  }

  /** Take the last decision back; returns its item, or null. */
  undo() {
    while (this.history.length) {
      const { item, before } = this.history.pop();
      if (item.published) continue;
      item.decision = before;
      return item;
    }
    return null;
  }

  /** What is sent for a document: ids, digest, decision. */
  rowOf(item) {
    if (!item.decision) return null;
    return { document_id: item.id, sha256: item.paper.sha256, ...item.decision };
  }

  /** The next undecided document after a place, going round; -1 when all are done. */
  nextOpen(after) {
    const count = this.items.length;
    for (let step = 1; step <= count; step += 1) {
      const at = (after + step) % count;
      const item = this.items[at];
      if (!item.decision && this.canDecide(item)) return at;
    }
    return -1;
  }

  /** Counts over everything that can be or was decided. */
  counts() {
    const all = this.items.filter((item) => item.decision || this.canDecide(item));
    const with_ = (outcome, drafted) => all.filter((item) =>
      item.decision?.outcome === outcome && !(drafted && item.published)).length;
    const accepted = with_("accepted", false);
    const returned = with_("returned", false);
    return {
      all: all.length, accepted, returned, rest: all.length - accepted - returned,
      draftAccepted: with_("accepted", true), draftReturned: with_("returned", true),
    };
  }

  /** Mark every draft as published. */
  publishAll() {
    for (const item of this.items) if (item.decision) item.published = true;
    this.history = [];
  }
}
