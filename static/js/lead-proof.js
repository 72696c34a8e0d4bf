/* While very many leads come in, the browser does a little work instead of the person waiting.
   Without JavaScript the page asks for a minute's patience; nothing here is needed. */

const BATCH = 256;
const encoder = new TextEncoder();

function zeroBits(digest) {
  let count = 0;
  for (const byte of digest) {
    if (byte === 0) {
      count += 8;
      continue;
    }
    return count + Math.clz32(byte) - 24;
  }
  return count;
}

/** Find the number whose SHA-256 with `salt` begins with `bits` zero bits. */
export async function solve(salt, bits) {
  for (let start = 0; ; start += BATCH) {
    const tries = Array.from({ length: BATCH }, (_unused, index) => String(start + index));
    const digests = await Promise.all(
      tries.map((each) => crypto.subtle.digest("SHA-256", encoder.encode(`${salt}.${each}`))),
    );
    const found = digests.findIndex((digest) => zeroBits(new Uint8Array(digest)) >= bits);
    if (found >= 0) return tries[found];
  }
}

/** Work at once; a form that is sent before the work is done goes out when it is. */
function begin(form) {
  const status = form.querySelector("[data-proof-status]");
  let waiting = false;
  const hold = (event) => {
    event.preventDefault();
    waiting = true;
  };
  status.hidden = false;
  status.textContent = status.dataset.working;
  form.addEventListener("submit", hold);
  solve(form.dataset.salt, Number(form.dataset.bits)).then((answer) => {
    form.removeEventListener("submit", hold);
    form.elements.answer.value = answer;
    status.textContent = status.dataset.ready;
    if (waiting) form.requestSubmit();
  });
}

const form = document.querySelector("form[data-proof]");
if (form && globalThis.crypto?.subtle) begin(form);
