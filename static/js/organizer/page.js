// What the organizer's pages share: their data block, their words, small DOM helpers.

/** The page's JSON block; data only, written by the server. */
export function pageData(id = "page-data") {
  return JSON.parse(document.getElementById(id).textContent);
}

/** Put values into a sentence: {name} becomes values.name. */
export function fill(sentence, values = {}) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** The element with an id; a missing one is our mistake. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no #${id}`);
  return found;
}

/** Make an element with text (never markup) and put it into a parent. */
export function make(tag, text, parent, className = "") {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  if (className) node.className = className;
  parent?.append(node);
  return node;
}

/** The sentence for a problem; unknown ones get the general one. */
export function problemWords(problems, error) {
  const known = error?.name === "Problem" ? problems[error.code] : undefined;
  return fill(known ?? problems.unexpected, error?.values);
}

/** Let the browser paint before heavy work on this thread. */
export function painted() {
  return new Promise((go) => {
    requestAnimationFrame(() => setTimeout(go, 30));
  });
}

/** Let files be dropped on a zone that holds a file input. */
export function dropZone(zone, input, chosen) {
  const stop = (event) => event.preventDefault();
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => {
      stop(event);
      zone.classList.add("drop-over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    zone.addEventListener(name, (event) => {
      stop(event);
      zone.classList.remove("drop-over");
    });
  }
  zone.addEventListener("drop", (event) => {
    if (event.dataTransfer?.files.length) {
      input.files = event.dataTransfer.files;
      chosen();
    }
  });
  input.addEventListener("change", chosen);
}

/** The bytes of the chosen file, or null. */
export async function chosenBytes(input) {
  const file = input.files?.[0];
  return file ? new Uint8Array(await file.slice(0, 1 << 20).arrayBuffer()) : null;
}
