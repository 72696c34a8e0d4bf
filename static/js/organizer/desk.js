// The reading desk: opens a release in this browser, shows it, keeps and publishes decisions.
// The key, the passphrase, the pictures and the names stay here: nothing stores or sends them.

import { fromBase64 } from "./bytes.js";
import { Casebook } from "./casebook.js";
import { DeskView } from "./desk_view.js";
import { openIdentity } from "./identity.js";
import { byId, chosenBytes, dropZone, fill, pageData, painted, problemWords } from "./page.js";
import { Problem } from "./problem.js";
import { openRelease } from "./release.js";
import { Saver } from "./saver.js";

const page = pageData();
const { words, problems, addresses } = page;
const door = byId("desk-door");
const input = byId("desk-key");
const passphrase = byId("desk-passphrase");
const button = byId("desk-open");
const status = byId("desk-status");
const bar = byId("desk-progress");
const failure = byId("desk-problem");
const megabytes = (bytes) => `${(bytes / 1048576).toFixed(1)} MB`;

dropZone(byId("desk-drop"), input, () => {
  const name = input.files[0]?.name ?? "";
  byId("desk-chosen").textContent = name ? fill(words.file_chosen, { name }) : "";
  passphrase.focus();
});
door.addEventListener("submit", (event) => {
  event.preventDefault();
  open();
});

async function open() {
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
    const opened = await openRelease({
      manifestUrl: addresses.manifest, fileUrl: addresses.file, root: fromBase64(page.root),
      releaseId: page.releaseId, identity, recipient,
      progress(done, all) {
        bar.value = done / all;
        status.textContent = fill(words.percent, {
          percent: Math.floor((done / all) * 100), done: megabytes(done), all: megabytes(all),
        });
      },
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

async function start(opened) {
  const saver = new Saver(addresses.decisions, {
    said: (state, count) => view.saved(state, count),
    refused: (rows) => view.refused(rows),
  });
  const state = await saver.load();
  let acknowledged = state.acknowledged;
  if (!acknowledged) {
    const answer = await saver.form(addresses.acknowledge, {
      manifest_sha256: opened.manifestSha256,
    });
    acknowledged = answer.ok;
  }
  const book = new Casebook(opened, state);
  const view = new DeskView(page, book, saver);
  view.begin();
  if (!acknowledged) view.say(words.acknowledge_failed);
}
