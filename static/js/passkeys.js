/* Ask the person's own authenticator, and send its answer with the form.
   Without this script the form stays hidden and codes are the way. */

const decode = (text) => {
  const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(raw, (char) => char.charCodeAt(0));
};
const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

/** Turn the site's options into what the browser takes: bytes where JSON has base64url. */
export function read(options) {
  const named = (each) => ({ ...each, id: decode(each.id) });
  const made = { ...options, challenge: decode(options.challenge) };
  if (options.user) made.user = named(options.user);
  if (options.excludeCredentials) made.excludeCredentials = options.excludeCredentials.map(named);
  if (options.allowCredentials) made.allowCredentials = options.allowCredentials.map(named);
  return made;
}

/** Turn an authenticator's answer into JSON: base64url where the browser gives bytes. */
export function written(credential) {
  const response = {};
  for (const name of [
    "clientDataJSON",
    "attestationObject",
    "authenticatorData",
    "signature",
    "userHandle",
  ]) {
    if (credential.response[name]) response[name] = encode(credential.response[name]);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: {},
  });
}

async function ask(form) {
  const answer = await fetch(form.dataset.options, {
    method: "POST",
    body: new URLSearchParams({
      csrf_token: form.elements.csrf_token.value,
      purpose: form.dataset.purpose,
    }),
  });
  if (!answer.ok) throw new Error(`options: ${answer.status}`);
  const publicKey = read(await answer.json());
  const credential = await navigator.credentials[form.dataset.passkey]({ publicKey });
  form.elements.answer.value = written(credential);
}

function begin(form) {
  const status = form.querySelector("[data-passkey-status]");
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    status.hidden = true;
    button.disabled = true;
    try {
      await ask(form);
      form.submit();
    } catch (error) {
      const words = { NotAllowedError: "cancelled", InvalidStateError: "known" };
      status.textContent = form.dataset[words[error.name] ?? "failed"];
      status.hidden = false;
      button.disabled = false;
    }
  });
  form.hidden = false;
}

if (globalThis.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) begin(form);
  for (const note of document.querySelectorAll("[data-passkey-absent]")) note.hidden = true;
}
