// Keeps decisions on the server as drafts: debounced, retried, honest about what is not saved.
// Only document ids, digests and decisions leave; never a picture, a name or a key.

const PAUSE = 500;
const LONGEST_PAUSE = 30000;
const AT_ONCE = 500;

/** What the saver says of itself: state is saved | saving | unsaved | login. */
export class Saver {
  /**
   * @param {string} url
   * @param {{said: (state: string, count: number) => void, refused: (problems: object[]) => void}} on
   */
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.token = "";
    this.waiting = new Map();
    this.tries = 0;
    this.busy = null;
    this.timer = 0;
  }

  /** Read what is saved and published, and take a fresh form token. */
  async load() {
    const answer = await fetch(this.url, {
      credentials: "same-origin", cache: "no-store", redirect: "manual",
      headers: { Accept: "application/json" },
    });
    if (!answer.ok) throw new Error("state");
    const state = await answer.json();
    this.token = state.csrf_token;
    return state;
  }

  /** Note a decision; null forgets the draft. */
  put(documentId, row) {
    this.waiting.set(documentId, row);
    this.on.said("saving", this.waiting.size);
    this.#later(PAUSE);
  }

  #later(pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), pause);
  }

  /** Save what waits; resolves to whether everything is saved. */
  async flush({ leaving = false } = {}) {
    clearTimeout(this.timer);
    if (this.busy) await this.busy;
    if (this.waiting.size === 0) return true;
    this.busy = this.#send(leaving);
    try {
      await this.busy;
    } finally {
      this.busy = null;
    }
    return this.waiting.size === 0;
  }

  async #send(leaving) {
    const part = [...this.waiting].slice(0, AT_ONCE);
    this.on.said("saving", this.waiting.size);
    let answer;
    try {
      answer = await this.#post({
        rows: part.filter(([, row]) => row).map(([, row]) => row),
        dropped: part.filter(([, row]) => !row).map(([id]) => id),
      }, leaving);
      if (answer.status === 401 || answer.status === 403) {
        // Perhaps only the token is old: someone signed in anew in another tab.
        try {
          await this.load();
        } catch {
          this.#failed("login");
          return;
        }
        answer = await this.#post({
          rows: part.filter(([, row]) => row).map(([, row]) => row),
          dropped: part.filter(([, row]) => !row).map(([id]) => id),
        }, leaving);
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const { problems } = await answer.json();
      for (const [id, row] of part) if (this.waiting.get(id) === row) this.waiting.delete(id);
      if (problems.length) this.on.refused(problems);
    } catch {
      this.#failed("unsaved");
      return;
    }
    this.tries = 0;
    if (this.waiting.size) this.#later(0);
    this.on.said(this.waiting.size ? "saving" : "saved", this.waiting.size);
  }

  #failed(state) {
    this.tries += 1;
    this.on.said(state, this.waiting.size);
    this.#later(Math.min(LONGEST_PAUSE, 1000 * 2 ** this.tries));
  }

  #post(body, keepalive) {
    return fetch(this.url, {
      method: "POST", credentials: "same-origin", redirect: "manual", keepalive,
      headers: {
        "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": this.token,
      },
      body: JSON.stringify(body),
    });
  }

  /** Send a form's fields as the page's own script; the answer is JSON. */
  async form(url, fields) {
    const send = () => fetch(url, {
      method: "POST", credentials: "same-origin", redirect: "manual",
      headers: { Accept: "application/json", "X-CSRF-Token": this.token },
      body: new URLSearchParams(fields),
    });
    let answer = await send();
    if (answer.status === 401 || answer.status === 403) {
      await this.load();
      answer = await send();
    }
    return answer;
  }
}
