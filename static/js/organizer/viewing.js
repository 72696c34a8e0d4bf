// What was opened for one person of the staff: shown here, kept nowhere, gone when it ends.

import { sha256Hex } from "./bytes.js";
import { waitAtDoor } from "./door.js";
import { VIEWING } from "./manifest.js";
import { byId, fill, make, pageData } from "./page.js";
import { openSealed } from "./release.js";
import { Sheet } from "./sheet.js";
import { Viewer } from "./viewer.js";

const LOOK_MS = 15000;
const page = pageData();
const { words, addresses } = page;
const stage = byId("desk-stage");
const place = byId("desk");
const position = byId("viewing-position");
let items = [];
let at = 0;
let player = null;
let viewer = null;
let sheet = null;

/** Open the file; an item without all its verified parts has no blob. */
async function open(wanted) {
  const byPath = new Map();
  const asked = { ...wanted, releaseId: page.viewingId };
  const { index } = await openSealed(asked, VIEWING, async (name, data) => {
    byPath.set(name, { sha256: await sha256Hex(data), data });
  });
  return index.items.map((item) => {
    const parts = item.parts.map((part) => [byPath.get(part.path), part.sha256]);
    const whole = parts.every(([found, sha256]) => found && found.sha256 === sha256);
    const shown = item.state === "included" && parts.length > 0 && whole;
    return {
      name: page.kinds[item.kind] ?? "",
      problem: item.state === "included" ? "differs" : item.state,
      blob: shown ? new Blob(parts.map(([found]) => found.data), { type: item.media_type }) : null,
      sound: String(item.media_type ?? "").startsWith("audio/"),
      table: item.media_type === "text/csv",
    };
  });
}

async function start(opened) {
  items = opened;
  byId("desk-door").hidden = true;
  place.hidden = false;
  viewer = new Viewer(stage, (percent) => {
    byId("desk-zoom").textContent = fill(words.zoom_level, { percent });
  });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  place.addEventListener("click", (event) => {
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (act) acts[act]();
  });
  for (const name of ["previous", "next"]) {
    place.querySelector(`[data-act="${name}"]`).hidden = items.length < 2;
  }
  show(0);
  position.textContent = `${fill(words.ready, { count: items.length })} ${position.textContent}`;
  stage.focus();
  watch();
}

const acts = {
  "zoom-in": () => viewer.zoom(1.25),
  "zoom-out": () => viewer.zoom(0.8),
  fit: () => viewer.fit(),
  rotate: () => viewer.rotate(),
  save: () => sheet?.save(`heyan-export-${page.viewingId.slice(-6)}.csv`),
  previous: () => show((at + items.length - 1) % items.length),
  next: () => show((at + 1) % items.length),
};

function silence() {
  if (!player) return;
  player.pause();
  URL.revokeObjectURL(player.src);
  player.remove();
  player = null;
}

function show(number) {
  at = number;
  const item = items[at];
  silence();
  if (item.table && item.blob) {
    sheet = new Sheet(item.blob, words);
    byId("viewing-tools").hidden = true;
    position.textContent = item.name;
    return;
  }
  stage.parentElement.hidden = false;
  const alone = fill(words.picture, { kind: item.name });
  viewer.show(item.sound ? null : item.blob, item.blob ? (item.sound ? "" : alone) : words[item.problem]);
  byId("viewing-tools").hidden = item.sound || !item.blob;
  if (item.sound && item.blob) play(item);
  position.textContent = `${item.name} · ${fill(words.position, { at: at + 1, all: items.length })}`;
}

function play(item) {
  player = document.createElement("audio");
  player.controls = true;
  player.setAttribute("controlslist", "nodownload");
  player.setAttribute("aria-label", item.name);
  player.addEventListener("error", () => make("p", words.unplayable, stage, "desk-nothing"));
  player.src = URL.createObjectURL(item.blob);
  stage.replaceChildren(player);
}

/** Clear all that was opened. */
function end() {
  silence();
  sheet?.clear();
  sheet = null;
  stage.parentElement.hidden = false;
  viewer?.show(null, words.ended);
  items = [];
  byId("viewing-tools").hidden = true;
  for (const name of ["previous", "next"]) {
    place.querySelector(`[data-act="${name}"]`).hidden = true;
  }
  position.textContent = words.ended;
}

/** Ask now and then whether the approval still stands; when it does not, nothing stays here. */
async function watch() {
  while (items.length) {
    await new Promise((go) => setTimeout(go, LOOK_MS));
    try {
      const answer = await fetch(addresses.state, {
        credentials: "same-origin", cache: "no-store", redirect: "error",
      });
      if (!answer.ok || !(await answer.json()).live) end();
    } catch {
      // Away for a moment, or signed out: what cannot be asked is not shown on.
      end();
    }
  }
}

addEventListener("pagehide", end);
waitAtDoor(page, open, start);
