// The reading desk: opens a release in this browser, shows it, keeps and publishes decisions.
// The key, the passphrase, the pictures and the names stay here: nothing stores or sends them.

import { Casebook } from "./casebook.js";
import { DeskView } from "./desk_view.js";
import { waitAtDoor } from "./door.js";
import { pageData } from "./page.js";
import { openRelease } from "./release.js";
import { Saver } from "./saver.js";

const page = pageData();
const { words, addresses } = page;
waitAtDoor(page, (wanted) => openRelease({ ...wanted, releaseId: page.releaseId }), start);

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
