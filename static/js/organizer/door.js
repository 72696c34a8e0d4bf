// The door of a page that opens what was sealed to a key: file and passphrase in, progress out.
// Neither is stored or sent.

import { fromBase64 } from "./bytes.js";
import { openIdentity } from "./identity.js";
import { byId, chosenBytes, dropZone, fill, painted, problemWords } from "./page.js";
import { Problem } from "./problem.js";

const megabytes = (bytes) => `${(bytes / 1048576).toFixed(1)} MB`;

/**
 * Wait at the page's door.
 * @param {{words: object, problems: object, addresses: object, root: string}} page
 * @param {(wanted: object) => Promise<object>} open what to do with `openRelease`'s wishes
 * @param {(opened: object) => Promise<void>} start what comes once it is open
 */
export function waitAtDoor(page, open, start) {
  const { words, problems, addresses } = page;
  const input = byId("desk-key");
  const passphrase = byId("desk-passphrase");
  const button = byId("desk-open");
  const status = byId("desk-status");
  const bar = byId("desk-progress");
  const failure = byId("desk-problem");

  dropZone(byId("desk-drop"), input, () => {
    const name = input.files[0]?.name ?? "";
    byId("desk-chosen").textContent = name ? fill(words.file_chosen, { name }) : "";
    passphrase.focus();
  });
  byId("desk-door").addEventListener("submit", (event) => {
    event.preventDefault();
    enter();
  });

  function progress(done, all) {
    bar.value = done / all;
    status.textContent = fill(words.percent, {
      percent: Math.floor((done / all) * 100), done: megabytes(done), all: megabytes(all),
    });
  }

  async function enter() {
    failure.hidden = true;
    button.disabled = true;
    try {
      const bytes = await chosenBytes(input);
      if (!bytes) throw new Problem("file_missing");
      status.textContent = words.opening_key;
      await painted();
      const { identity, recipient } = await openIdentity(bytes, passphrase.value.trim());
      status.textContent = words.opening_manifest;
      bar.hidden = false;
      bar.value = 0;
      const opened = await open({
        manifestUrl: addresses.manifest, fileUrl: addresses.file, root: fromBase64(page.root),
        identity, recipient, progress,
      });
      passphrase.value = "";
      input.value = "";
      await start(opened);
    } catch (error) {
      status.textContent = "";
      bar.hidden = true;
      failure.textContent = problemWords(problems, error);
      failure.hidden = false;
      failure.focus();
    } finally {
      button.disabled = false;
    }
  }
}
