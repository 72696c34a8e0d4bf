// A list that was opened here: its first rows as a table, and the file on request. Cells are text.

import { byId, fill, make } from "./page.js";

const SHOWN = 50;
const KEPT_MS = 60000;

/** The rows of a CSV file (RFC 4180), at most so many, and how many there are in all. */
export function readCsv(text, most = Infinity) {
  const rows = [];
  let count = 0;
  let row = [];
  let cell = "";
  let quoted = false;
  const end = () => {
    row.push(cell);
    count += 1;
    if (rows.length < most) rows.push(row);
    row = [];
    cell = "";
  };
  for (let at = text.startsWith("\ufeff") ? 1 : 0; at < text.length; at += 1) {
    const char = text[at];
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === ",") {
      row.push(cell);
      cell = "";
    } else if (char === "\n") end();
    else if (char !== "\r") cell += char;
  }
  if (cell || row.length) end();
  return { rows, count };
}

/** Shows one list; its first line is who has it, the second the heads. */
export class Sheet {
  constructor(blob, words) {
    this.blob = blob;
    this.place = byId("sheet");
    this.told = byId("sheet-rows");
    this.button = byId("sheet-save");
    this.#draw(words);
  }

  async #draw(words) {
    const text = await this.blob.text();
    if (!this.blob) return;
    const { rows, count } = readCsv(text, SHOWN + 2);
    const [mark, heads, ...lines] = rows;
    make("caption", mark.join(" "), this.place);
    const top = make("tr", "", make("thead", "", this.place));
    for (const head of heads) make("th", head, top).scope = "col";
    const body = make("tbody", "", this.place);
    for (const line of lines) {
      const row = make("tr", "", body);
      for (const cell of line) make("td", cell, row);
    }
    this.told.textContent = fill(words.rows, { count: count - 2, shown: lines.length });
    this.button.hidden = false;
  }

  /** Save the file as it is: plain text from here on. */
  save(name) {
    if (!this.blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(this.blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
  }

  /** Leave nothing of it on the page. */
  clear() {
    this.blob = null;
    this.place.replaceChildren();
    this.told.textContent = "";
    this.button.hidden = true;
  }
}
