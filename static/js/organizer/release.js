// Opening a whole release: manifest, segments, age, ZIP, index, each picture's own digest.

import { sha256Hex } from "./bytes.js";
import { openStream } from "./identity.js";
import { RELEASE, openIndex, openManifest } from "./manifest.js";
import { Problem } from "./problem.js";
import { verifiedSegments } from "./segments.js";
import { zipEntries } from "./zipstream.js";

/**
 * Fetch, verify and open a sealed file; each entry but the index goes to *keep* as it comes.
 * @param {object} wanted as `openRelease`
 * @param {{type: string, format: string, indexType: string, indexFormat: string}} kind
 * @param {(name: string, data: Uint8Array) => Promise<void>} keep
 * @returns {Promise<{manifest: object, manifestSha256: string, index: object}>}
 */
export async function openSealed(wanted, kind, keep) {
  const answer = await fetch(wanted.manifestUrl, {
    signal: wanted.signal, credentials: "same-origin", cache: "no-store", redirect: "error",
  });
  if (!answer.ok) throw new Problem("manifest_answer", { status: answer.status });
  const text = await answer.text();
  const { manifest, sha256: manifestSha256 } = await openManifest(text, wanted, kind);
  const sealed = verifiedSegments(wanted.fileUrl, manifest.file, wanted);
  const plain = await openStream(wanted.identity, sealed);
  const parts = {};
  for await (const { name, data } of zipEntries(plain)) {
    if (name === "index.json" || name === "index.json.sig") parts[name] = data;
    else await keep(name, data);
  }
  if (!parts["index.json"] || !parts["index.json.sig"]) throw new Problem("index_absent");
  const index = await openIndex(
    parts["index.json"], parts["index.json.sig"], manifest, wanted.root, kind,
  );
  return { manifest, manifestSha256, index };
}

/**
 * Fetch, verify and open a release.
 * @param {{manifestUrl: string, fileUrl: string, root: Uint8Array, releaseId: string,
 *   identity: string, recipient: string, progress?: (done: number, all: number) => void,
 *   signal?: AbortSignal}} wanted
 * @returns {Promise<{manifest: object, manifestSha256: string, index: object,
 *   pictures: Map<string, Blob>, broken: Map<string, string>}>} pictures by document id;
 *   `broken` holds documents whose picture is absent or does not match the signed index.
 */
export async function openRelease(wanted) {
  const byPath = new Map();
  const { manifest, manifestSha256, index } = await openSealed(wanted, RELEASE, async (name, data) => {
    if (name.startsWith("pictures/")) {
      byPath.set(name, { sha256: await sha256Hex(data), blob: new Blob([data], { type: "image/jpeg" }) });
    }
  });
  const pictures = new Map();
  const broken = new Map();
  for (const registration of index.registrations) {
    for (const document of registration.documents) {
      if (document.state !== "included") {
        broken.set(document.document_id, document.state);
        continue;
      }
      const found = byPath.get(document.path);
      if (found && found.sha256 === document.jpeg_sha256) {
        pictures.set(document.document_id, found.blob);
      } else {
        broken.set(document.document_id, found ? "digest" : "absent");
      }
    }
  }
  return { manifest, manifestSha256, index, pictures, broken };
}
