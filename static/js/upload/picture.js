// What can be done with a chosen picture before it leaves: decode, look at it, make it smaller.

const LONGEST_SIDE = 2800;
const QUALITY = 0.9;
const LOOK_SIDE = 800;
const TILE = 40;
// Well below what the server calls blurred: this only speaks where it is sure.
const BLURRED = 40;

/** Decode *file* upright, or return null where this browser cannot (HEIC, PDF, damaged). */
export async function decode(file) {
  if (!/^image\/(jpeg|png|webp)$/.test(file.type)) return null;
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
}

function canvasOf(bitmap, scale, quarter) {
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = document.createElement("canvas");
  const lying = quarter % 2 === 1;
  canvas.width = lying ? height : width;
  canvas.height = lying ? width : height;
  const pen = canvas.getContext("2d", { willReadFrequently: scale < 1 });
  pen.imageSmoothingQuality = "high";
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.translate(canvas.width / 2, canvas.height / 2);
  pen.rotate((quarter * Math.PI) / 2);
  pen.drawImage(bitmap, -width / 2, -height / 2, width, height);
  return canvas;
}

/** Draw *bitmap*, turned by quarters, into *canvas* no larger than *side*. */
export function preview(bitmap, canvas, quarter, side = 960) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const drawn = canvasOf(bitmap, scale, quarter);
  canvas.width = drawn.width;
  canvas.height = drawn.height;
  canvas.getContext("2d").drawImage(drawn, 0, 0);
}

function greyOf(bitmap) {
  const scale = Math.min(1, LOOK_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = canvasOf(bitmap, scale, 0);
  const { data, width, height } = canvas
    .getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height);
  const grey = new Float32Array(width * height);
  for (let at = 0; at < grey.length; at += 1) {
    grey[at] = 0.3 * data[4 * at] + 0.59 * data[4 * at + 1] + 0.11 * data[4 * at + 2];
  }
  return { grey, width, height };
}

/** How much fine detail the sharpest places have: variances of the Laplacian, tile by tile. */
export function sharpness({ grey, width, height }) {
  const found = [];
  for (let top = 1; top + TILE < height; top += TILE) {
    for (let left = 1; left + TILE < width; left += TILE) {
      let sum = 0;
      let squares = 0;
      for (let y = top; y < top + TILE; y += 1) {
        for (let x = left; x < left + TILE; x += 1) {
          const at = y * width + x;
          const edge =
            4 * grey[at] - grey[at - 1] - grey[at + 1] - grey[at - width] - grey[at + width];
          sum += edge;
          squares += edge * edge;
        }
      }
      const count = TILE * TILE;
      found.push(squares / count - (sum / count) ** 2);
    }
  }
  if (found.length === 0) return Infinity;
  found.sort((a, b) => b - a);
  return found[Math.floor(found.length / 20)];
}

/** Return what may make the picture hard to read: "small", "dark", "blurred". */
export function look(bitmap, minSide) {
  const seen = [];
  if (Math.max(bitmap.width, bitmap.height) < minSide) seen.push("small");
  const image = greyOf(bitmap);
  let sum = 0;
  for (const value of image.grey) sum += value;
  if (sum / image.grey.length < 40) seen.push("dark");
  if (sharpness(image) < BLURRED) seen.push("blurred");
  return seen;
}

/** Return a smaller JPEG where the picture is larger than needed, else null: send it as it is. */
export async function shrink(bitmap) {
  const longest = Math.max(bitmap.width, bitmap.height);
  if (longest <= LONGEST_SIDE) return null;
  const canvas = canvasOf(bitmap, LONGEST_SIDE / longest, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  canvas.width = 0;
  return blob;
}
