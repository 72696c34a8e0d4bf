// The one error class of the desk: a code the page has a sentence for, and its values.

/** Codes stand in the page's JSON block of strings as `problem.<code>`. */
export class Problem extends Error {
  /** @param {string} code @param {Record<string, string|number>} [values] */
  constructor(code, values = {}) {
    super(code);
    this.name = "Problem";
    this.code = code;
    this.values = values;
  }
}
