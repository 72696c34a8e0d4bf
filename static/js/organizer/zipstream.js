// A streaming reader of the ZIP a release holds: STORED entries with sizes in the local header.
// It refuses everything else, and trusts no size beyond the stated limits.

import { Problem } from "./problem.js";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const LARGEST = 256 * 1024 * 1024;
const NAME = /^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/;

/**
 * Yield each entry in order.
 * @param {ReadableStream<Uint8Array>} stream
 * @returns {AsyncGenerator<{name: string, data: Uint8Array}>}
 */
export async function* zipEntries(stream) {
  const reader = stream.getReader();
  let chunk = new Uint8Array(0);
  const seen = new Set();

  async function take(size) {
    const out = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      if (chunk.length === 0) {
        const { done, value } = await reader.read();
        if (done) throw new Problem("zip_short");
        chunk = value;
      }
      const part = chunk.subarray(0, Math.min(chunk.length, size - filled));
      out.set(part, filled);
      chunk = chunk.subarray(part.length);
      filled += part.length;
    }
    return out;
  }

  while (true) {
    const signature = new DataView((await take(4)).buffer).getUint32(0, true);
    if (signature === CENTRAL) break;
    if (signature !== LOCAL) throw new Problem("zip_malformed");
    const head = new DataView((await take(26)).buffer);
    const flags = head.getUint16(2, true);
    const method = head.getUint16(4, true);
    const size = head.getUint32(14, true);
    if (flags & ~0x0800 || method !== 0 || size !== head.getUint32(18, true) || size > LARGEST) {
      throw new Problem("zip_malformed");
    }
    const name = new TextDecoder().decode(await take(head.getUint16(22, true)));
    await take(head.getUint16(24, true));
    if (!NAME.test(name) || name.split("/").includes("..") || seen.has(name)) {
      throw new Problem("zip_malformed");
    }
    seen.add(name);
    yield { name, data: await take(size) };
  }
  // Read on to the end: only then has age authenticated the last chunk.
  while (!(await reader.read()).done);
}
