// Verification of signed documents: nothing of a release is parsed before its signature holds.

import { concat, fromBase64, sha256Hex, utf8 } from "./bytes.js";
import { Problem } from "./problem.js";

export const MANIFEST_TYPE = "application/vnd.heyan.release-manifest+json";
export const INDEX_TYPE = "application/vnd.heyan.release-index+json";
/** What a batch for an organizer is called in what is signed. */
export const RELEASE = {
  type: MANIFEST_TYPE, format: "heyan-release/1", indexType: INDEX_TYPE, indexFormat: "heyan-index/1",
};
/** The same of what is opened for one person of the staff: neither passes for the other. */
export const VIEWING = {
  type: "application/vnd.heyan.viewing-manifest+json", format: "heyan-viewing/1",
  indexType: "application/vnd.heyan.viewing-index+json", indexFormat: "heyan-viewing-index/1",
};
export const SEGMENT_BYTES = 4194304;

/** The bytes that a DSSE signature covers (pre-authentication encoding, DSSE v1). */
export function pae(type, body) {
  const name = utf8(type);
  return concat([utf8(`DSSEv1 ${name.length} `), name, utf8(` ${body.length} `), body]);
}

/** Ed25519 by WebCrypto; by the vendored library where the browser lacks it. */
export async function verifyEd25519(publicKey, signature, message) {
  let key;
  try {
    key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    const { verifyAsync } = await import("../../vendor/age-encryption/ed25519.js");
    return verifyAsync(signature, message, publicKey).catch(() => false);
  }
  return crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
}

/** First 16 hex digits of SHA-256 of the raw public key. */
export async function keyId(publicKey) {
  return (await sha256Hex(publicKey)).slice(0, 16);
}

async function signedBy(signatures, root, message) {
  const wanted = await keyId(root);
  for (const one of Array.isArray(signatures) ? signatures : []) {
    if (one?.keyid !== wanted || typeof one.sig !== "string") continue;
    try {
      if (await verifyEd25519(root, fromBase64(one.sig), message)) return true;
    } catch {
      // A signature that is not base64 is no signature.
    }
  }
  return false;
}

/**
 * Check an envelope and return its payload's bytes.
 * @param {string} text JSON envelope @param {Uint8Array} root @param {string} type
 */
export async function openEnvelope(text, root, type) {
  let envelope;
  let payload;
  try {
    envelope = JSON.parse(text);
    payload = fromBase64(envelope.payload);
  } catch {
    throw new Problem("manifest_malformed");
  }
  if (envelope.payloadType !== type) throw new Problem("manifest_malformed");
  if (!(await signedBy(envelope.signatures, root, pae(type, payload)))) {
    throw new Problem("manifest_signature");
  }
  return payload;
}

/**
 * Verify a release manifest against what this page expects.
 * @param {string} text @param {{root: Uint8Array, releaseId: string, recipient: string}} expected
 */
export async function openManifest(text, expected, kind = RELEASE) {
  const payload = await openEnvelope(text, expected.root, kind.type);
  const manifest = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  if (manifest.format !== kind.format) throw new Problem("manifest_format");
  if (manifest.release_id !== expected.releaseId) throw new Problem("manifest_other_release");
  // A release may also be made for a recovery key; the signed manifest names each.
  const made = Array.isArray(manifest.recipients) ? manifest.recipients : [];
  if (![manifest.recipient, ...made].includes(expected.recipient)) {
    throw new Problem("manifest_other_recipient");
  }
  const { bytes, segments, segment_bytes: size } = manifest.file;
  const count = Math.ceil(bytes / SEGMENT_BYTES);
  if (size !== SEGMENT_BYTES || !Number.isSafeInteger(bytes) || segments.length !== count) {
    throw new Problem("manifest_format");
  }
  return { manifest, sha256: await sha256Hex(utf8(text)) };
}

/** Check index.json's digest (from the manifest) and its own signature; return the index. */
export async function openIndex(indexBytes, signatureBytes, manifest, root, kind = RELEASE) {
  if ((await sha256Hex(indexBytes)) !== manifest.index_sha256) throw new Problem("index_digest");
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const detached = JSON.parse(decoder.decode(signatureBytes));
  const covered = pae(kind.indexType, indexBytes);
  if (detached.payloadType !== kind.indexType || !(await signedBy(detached.signatures, root, covered))) {
    throw new Problem("index_signature");
  }
  const index = JSON.parse(decoder.decode(indexBytes));
  if (index.format !== kind.indexFormat || index.release_id !== manifest.release_id) {
    throw new Problem("index_digest");
  }
  return index;
}
