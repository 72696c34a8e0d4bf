// Age identities: made, locked under a passphrase and opened here; never stored, never sent.

import {
  Decrypter, Encrypter, armor, generateX25519Identity, identityToRecipient,
} from "../../vendor/age-encryption/age.js";
import { recipientFingerprint } from "./bytes.js";
import { Problem } from "./problem.js";

export const SCRYPT_LOG_N = 18;
export const MIN_PASSPHRASE = 16;
const LARGEST_FILE = 65536;

/** Six words drawn evenly from 2,048 (66 bits). */
export async function suggestPassphrase(count = 6) {
  const { wordlist } = await import("../../vendor/age-encryption/words.js");
  // 2,048 divides 65,536, so the remainder favours no word.
  const draws = crypto.getRandomValues(new Uint16Array(count));
  return Array.from(draws, (draw) => wordlist[draw % wordlist.length]).join(" ");
}

/** What is wrong with a passphrase: a problem code, or null. */
export function passphraseProblem(passphrase, again) {
  if (Array.from(passphrase).length < MIN_PASSPHRASE) return "passphrase_short";
  if (new Set(passphrase).size < 6) return "passphrase_simple";
  return passphrase === again ? null : "passphrase_differs";
}

/** Make an identity and the text of its locked file (armored, opens with `age -d -i`). */
export async function makeIdentity(passphrase, now = new Date()) {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const plain = `# created: ${now.toISOString()}\n# public key: ${recipient}\n${identity}\n`;
  const lock = new Encrypter();
  lock.setScryptWorkFactor(SCRYPT_LOG_N);
  lock.setPassphrase(passphrase);
  const file = `${armor.encode(await lock.encrypt(plain)).trim()}\n`;
  return { recipient, file, fingerprint: await recipientFingerprint(recipient) };
}

/** The name of the downloaded file; only letters, digits and hyphens of the organization stay. */
export function identityFileName(organization, fingerprint) {
  const slug = organization.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
  return `heyan-${slug || "org"}-${fingerprint.replaceAll(" ", "").slice(0, 16)}.age-identity.txt`;
}

async function unlocked(bytes, passphrase) {
  const text = new TextDecoder().decode(bytes);
  if (text.includes("AGE-SECRET-KEY-1")) return text;
  let sealed = bytes;
  if (text.trimStart().startsWith("-----BEGIN AGE")) {
    try {
      sealed = armor.decode(text);
    } catch {
      throw new Problem("identity_malformed");
    }
  } else if (!text.startsWith("age-encryption.org/v1")) {
    throw new Problem("identity_malformed");
  }
  const key = new Decrypter();
  key.addPassphrase(passphrase);
  try {
    return await key.decrypt(sealed, "text");
  } catch {
    throw new Problem("passphrase_wrong");
  }
}

/** Open an identity file. @param {Uint8Array} bytes @param {string} passphrase */
export async function openIdentity(bytes, passphrase) {
  if (bytes.length > LARGEST_FILE) throw new Problem("identity_malformed");
  const text = await unlocked(bytes, passphrase);
  const identity = text.match(/^AGE-SECRET-KEY-1[0-9A-Z]+$/m)?.[0];
  if (!identity) throw new Problem("identity_malformed");
  let recipient;
  try {
    recipient = await identityToRecipient(identity);
  } catch {
    throw new Problem("identity_malformed");
  }
  return { identity, recipient, fingerprint: await recipientFingerprint(recipient) };
}

/** Decrypt a small sealed value (the server's challenge). */
export async function openSmall(identity, sealed) {
  const key = new Decrypter();
  key.addIdentity(identity);
  try {
    return await key.decrypt(sealed);
  } catch {
    throw new Problem("challenge_unopened");
  }
}

/** Decrypt a stream of (verified) ciphertext. */
export async function openStream(identity, stream) {
  const key = new Decrypter();
  key.addIdentity(identity);
  try {
    return await key.decrypt(stream);
  } catch (error) {
    throw error instanceof Problem ? error : new Problem("release_unopened");
  }
}
