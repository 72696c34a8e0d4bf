// Attaching a recording with a script: hear at once that it is too large, watch it go, cancel it.
// Without a script the form works.

import { send } from "./upload/sending.js";

const form = document.querySelector("form[data-recording]");
const words = JSON.parse(document.getElementById("recording-words").textContent);
const input = form.querySelector("input[type=file]");
const submit = form.querySelector("button[type=submit]");
const going = form.querySelector("[data-going]");
const bar = going.querySelector("progress");
const told = going.querySelector("[data-told]");
const cancel = going.querySelector("[data-cancel]");
const trouble = form.querySelector("[data-trouble]");

function complain(sentences) {
  trouble.replaceChildren();
  for (const sentence of sentences) {
    const line = document.createElement("p");
    line.textContent = sentence;
    trouble.append(line);
  }
  trouble.hidden = sentences.length === 0;
  if (sentences.length) trouble.focus();
}

function tooLarge() {
  const file = input.files[0];
  if (!file || file.size <= Number(form.dataset.maxBytes)) return "";
  return words.large.replace("{size}", `${(file.size / 1048576).toFixed(1)} MB`);
}

function busy(now) {
  going.hidden = !now;
  submit.disabled = now;
  input.disabled = now;
  form.setAttribute("aria-busy", String(now));
}

function progress(percent) {
  bar.value = percent;
  // A screen reader hears tens, not every step.
  if (percent < 100 && percent % 10) return;
  told.textContent =
    percent >= 100 ? words.sealing : words.percent.replace("{percent}", String(percent));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fault = input.files.length ? tooLarge() : words.nothing;
  complain(fault ? [fault] : []);
  if (fault) return;
  const body = new FormData(form);
  busy(true);
  progress(0);
  const sent = send(form, body, progress);
  cancel.onclick = sent.cancel;
  cancel.focus();
  const answer = await sent.done;
  if (answer.redirect) {
    window.location.assign(answer.redirect);
    return;
  }
  busy(false);
  complain(answer.failed ? [words[answer.failed]] : answer.errors);
});
input.addEventListener("change", () => {
  const fault = tooLarge();
  complain(fault ? [fault] : []);
});
