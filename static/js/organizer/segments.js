// The ciphertext as a stream of verified segments: a byte reaches age only after its segment's
// SHA-256 has been found in the signed manifest. Memory: one segment.

import { sha256Hex } from "./bytes.js";
import { SEGMENT_BYTES } from "./manifest.js";
import { Problem } from "./problem.js";

const TRIES = 5;

/**
 * @param {string} url
 * @param {{bytes: number, segments: string[]}} file the manifest's `file`
 * @param {{progress?: (done: number, all: number) => void, signal?: AbortSignal,
 *   pause?: (attempt: number) => Promise<void>}} [options]
 * @returns {ReadableStream<Uint8Array>}
 */
export function verifiedSegments(url, file, options = {}) {
  const pause = options.pause ?? ((attempt) => new Promise((go) => setTimeout(go, 500 * 2 ** attempt)));
  let number = 0;
  let source = null;
  let rest = new Uint8Array(0);

  async function connect(from) {
    const headers = from > 0 ? { Range: `bytes=${from}-` } : {};
    const answer = await fetch(url, {
      headers, signal: options.signal, credentials: "same-origin", cache: "no-store", redirect: "error",
    });
    if (!answer.ok) throw new Problem("file_answer", { status: answer.status });
    if (from > 0 && !(answer.headers.get("Content-Range") ?? "").startsWith(`bytes ${from}-`)) {
      throw new Problem("file_range");
    }
    return answer.body.getReader();
  }

  /** Read one segment, connecting anew at the first byte that is missing. */
  async function read(size) {
    const segment = new Uint8Array(size);
    let filled = 0;
    let attempt = 0;
    while (filled < size) {
      try {
        if (rest.length === 0) {
          source ??= await connect(number * SEGMENT_BYTES + filled);
          const { done, value } = await source.read();
          if (done) throw new TypeError("short answer");
          rest = value;
        }
        const taken = Math.min(rest.length, size - filled);
        segment.set(rest.subarray(0, taken), filled);
        rest = rest.subarray(taken);
        filled += taken;
      } catch (error) {
        source = null;
        rest = new Uint8Array(0);
        const refused = error instanceof Problem && !(error.values.status >= 500);
        if (refused || error.name === "AbortError") throw error;
        if (++attempt > TRIES) throw new Problem("file_network");
        await pause(attempt);
      }
    }
    return segment;
  }

  return new ReadableStream({
    async pull(controller) {
      if (number === file.segments.length) {
        controller.close();
        await source?.cancel();
        return;
      }
      const size = Math.min(SEGMENT_BYTES, file.bytes - number * SEGMENT_BYTES);
      const segment = await read(size);
      if ((await sha256Hex(segment)) !== file.segments[number]) {
        await source?.cancel();
        throw new Problem("segment", { number: number + 1, all: file.segments.length });
      }
      number += 1;
      options.progress?.(Math.min(number * SEGMENT_BYTES, file.bytes), file.bytes);
      controller.enqueue(segment);
    },
    async cancel() {
      await source?.cancel();
    },
  }, { highWaterMark: 0 });
}
