// Small helpers over bytes: hex, base64, SHA-256, fingerprints. No page, no network.

const encoder = new TextEncoder();

/** @param {Uint8Array} bytes */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} text standard base64, padded */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** @param {Uint8Array} bytes @returns {Promise<string>} lower-case hex */
export async function sha256Hex(bytes) {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** @param {string} text */
export function utf8(text) {
  return encoder.encode(text);
}

/** Eight groups of four hex digits; `heyan/releases/fingerprint.py` makes the same. */
export async function fingerprintOf(bytes) {
  return (await sha256Hex(bytes)).slice(0, 32).match(/.{4}/g).join(" ");
}

/** @param {string} recipient age1… */
export function recipientFingerprint(recipient) {
  return fingerprintOf(utf8(recipient.trim()));
}

/** @param {Uint8Array[]} parts */
export function concat(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
