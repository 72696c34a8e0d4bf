// The upload page with a script: see the picture at once, turn it, hear what may be wrong, send a
// smaller copy, watch it go, and try again without choosing again. Without a script the form works.

import { decode, look, preview, shrink } from "./upload/picture.js";
import { send } from "./upload/sending.js";

const form = document.querySelector("form[data-upload]");
const words = JSON.parse(document.getElementById("upload-words").textContent);
const input = form.querySelector("input[type=file]");
const submit = form.querySelector("button[type=submit]");
const rotation = form.querySelector("select[name=rotation]");
const view = form.querySelector("[data-view]");
const canvas = view.querySelector("canvas");
const said = view.querySelector("[data-said]");
const turns = view.querySelectorAll("[data-turn]");
const going = form.querySelector("[data-going]");
const bar = going.querySelector("progress");
const told = going.querySelector("[data-told]");
const cancel = going.querySelector("[data-cancel]");
const trouble = form.querySelector("[data-trouble]");
const override = form.querySelector("[data-override]");

const asked = submit.textContent;

let picture = null;
let smaller = null;
let chosen = 0;

const megabytes = (bytes) =>
  bytes >= 1048576 ? `${(bytes / 1048576).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1024))} KB`;

function complain(sentences, focus = true) {
  trouble.replaceChildren();
  for (const sentence of sentences) {
    const line = document.createElement("p");
    line.textContent = sentence;
    trouble.append(line);
  }
  trouble.hidden = sentences.length === 0;
  if (sentences.length && focus) trouble.focus();
}

function offerOverride(wanted) {
  override.hidden = !wanted;
  override.querySelector("input").disabled = !wanted;
  if (!wanted) override.querySelector("input").checked = false;
}

function draw() {
  if (!picture) return;
  const degrees = Number(rotation.value);
  preview(picture, canvas, degrees / 90);
  canvas.setAttribute("aria-label", words.preview.replace("{degrees}", String(degrees)));
}

async function take() {
  const file = input.files[0];
  const mine = (chosen += 1);
  complain([]);
  offerOverride(false);
  rotation.value = "0";
  submit.textContent = asked;
  picture?.close();
  picture = null;
  smaller = null;
  view.hidden = !file;
  if (!file) return;
  said.textContent = words.looking;
  const decoded = await decode(file);
  if (mine !== chosen) return;
  picture = decoded;
  canvas.hidden = !decoded;
  for (const turn of turns) turn.hidden = !decoded;
  if (!decoded) {
    said.textContent = words.unseen.replace("{size}", megabytes(file.size));
    if (file.size > Number(form.dataset.maxBytes)) {
      complain([words.large.replace("{size}", megabytes(file.size))]);
    }
    return;
  }
  draw();
  const seen = look(decoded, Number(form.dataset.minSide));
  smaller = await shrink(decoded);
  if (mine !== chosen) return;
  const size = megabytes((smaller ?? file).size);
  const facts = words.facts
    .replace("{width}", String(decoded.width))
    .replace("{height}", String(decoded.height))
    .replace("{size}", size);
  said.textContent = [facts, ...seen.map((code) => words[code])].join(" ");
  said.classList.toggle("warned", seen.length > 0);
  if ((smaller ?? file).size > Number(form.dataset.maxBytes)) {
    complain([words.large.replace("{size}", size)]);
  }
}

function busy(now) {
  going.hidden = !now;
  submit.disabled = now;
  input.disabled = now;
  for (const turn of turns) turn.disabled = now;
  form.setAttribute("aria-busy", String(now));
}

function progress(percent) {
  bar.value = percent;
  const sentence =
    percent >= 100 ? words.sealing : words.percent.replace("{percent}", String(percent));
  // A screen reader hears tens, not every step.
  if (percent >= 100 || percent % 10 === 0) told.textContent = sentence;
  bar.textContent = `${percent}%`;
}

async function go(event) {
  event.preventDefault();
  if (!input.files.length) {
    complain([words.nothing]);
    return;
  }
  complain([]);
  const body = new FormData(form);
  if (smaller) body.set("file", smaller, "picture.jpg");
  busy(true);
  bar.value = 0;
  told.textContent = words.percent.replace("{percent}", "0");
  const sent = send(form, body, progress);
  cancel.onclick = sent.cancel;
  cancel.focus();
  const answer = await sent.done;
  if (answer.redirect) {
    told.textContent = words.done;
    window.location.assign(answer.redirect);
    return;
  }
  busy(false);
  submit.textContent = words.again;
  if (answer.failed) {
    complain([words[answer.failed]]);
    return;
  }
  offerOverride(answer.errors.length === 0);
  complain(answer.errors.length ? answer.errors : answer.warnings);
}

for (const turn of turns) {
  turn.addEventListener("click", () => {
    rotation.value = String((Number(rotation.value) + Number(turn.dataset.turn) + 360) % 360);
    draw();
  });
}
rotation.closest("details").hidden = true;
input.addEventListener("change", take);
form.addEventListener("submit", go);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) busy(false);
});
if (input.files.length) take();
