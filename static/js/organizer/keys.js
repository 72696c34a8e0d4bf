// The key pages: a key is made, kept and tried here. Only the public half and the proof leave.

import { fromBase64, toHex } from "./bytes.js";
import {
  identityFileName, makeIdentity, openIdentity, openSmall, passphraseProblem, suggestPassphrase,
} from "./identity.js";
import { byId, chosenBytes, dropZone, fill, pageData, painted, problemWords } from "./page.js";
import { Problem } from "./problem.js";

const page = pageData();
const { words, problems } = page;
const status = byId("key-status");
const failure = byId("key-problem");

function failed(error) {
  status.textContent = "";
  failure.textContent = problemWords(problems, error);
  failure.hidden = false;
  failure.focus();
}

function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function makeKey() {
  const first = byId("key-passphrase");
  const again = byId("key-again");
  const suggestion = byId("key-suggestion");
  let made = null;

  async function suggest() {
    suggestion.textContent = await suggestPassphrase();
  }
  byId("key-suggest").addEventListener("click", suggest);
  byId("key-use").addEventListener("click", () => {
    first.value = suggestion.textContent;
    again.value = "";
    again.focus();
  });
  byId("key-show").addEventListener("change", (event) => {
    for (const field of [first, again]) field.type = event.target.checked ? "text" : "password";
  });
  byId("key-maker").addEventListener("submit", async (event) => {
    event.preventDefault();
    failure.hidden = true;
    const button = byId("key-make");
    button.disabled = true;
    try {
      const code = passphraseProblem(first.value, again.value);
      if (code) throw new Problem(code);
      status.textContent = words.making;
      await painted();
      made = await makeIdentity(first.value);
      made.name = identityFileName(page.organization, made.fingerprint);
      first.value = "";
      again.value = "";
      byId("key-suggestion").textContent = "";
      byId("key-maker").hidden = true;
      byId("key-made").hidden = false;
      byId("key-fingerprint").textContent = made.fingerprint;
      byId("key-file-name").textContent = made.name;
      byId("key-print-text").textContent = made.file;
      byId("key-print-fingerprint").textContent = made.fingerprint;
      byId("recipient").value = made.recipient;
      status.textContent = words.made;
      byId("key-download").focus();
    } catch (error) {
      failed(error);
    } finally {
      button.disabled = false;
    }
  });
  byId("key-download").addEventListener("click", () => {
    download(made.name, made.file);
    byId("key-send").disabled = false;
    status.textContent = fill(words.downloaded, { name: made.name });
  });
  byId("key-print").addEventListener("click", () => {
    byId("key-send").disabled = false;
    window.print();
  });
  byId("key-send").addEventListener("click", () => byId("key-form").requestSubmit());
  byId("key-script").hidden = false;
  byId("key-by-hand").open = Boolean(page.errors);
  await suggest();
}

async function proveKey() {
  const input = byId("key-file");
  const passphrase = byId("key-passphrase");
  dropZone(byId("key-drop"), input, () => {
    const name = input.files[0]?.name ?? "";
    byId("key-chosen").textContent = name ? fill(words.file_chosen, { name }) : "";
    passphrase.focus();
  });
  byId("key-prover").addEventListener("submit", async (event) => {
    event.preventDefault();
    failure.hidden = true;
    const button = byId("key-open");
    button.disabled = true;
    try {
      const bytes = await chosenBytes(input);
      if (!bytes) throw new Problem("file_missing");
      status.textContent = words.opening;
      await painted();
      const { identity } = await openIdentity(bytes, passphrase.value.trim());
      const secret = await openSmall(identity, fromBase64(page.challenge));
      passphrase.value = "";
      byId("proof").value = toHex(secret);
      status.textContent = words.proven;
      byId("key-form").requestSubmit();
    } catch (error) {
      failed(error);
      button.disabled = false;
    }
  });
  byId("key-script").hidden = false;
  byId("key-by-hand").open = Boolean(page.errors);
}

if (page.task === "make") makeKey();
else proveKey();
