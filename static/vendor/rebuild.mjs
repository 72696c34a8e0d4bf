// Rebuilds static/vendor/age-encryption/ from the lock file beside this script, byte for byte:
//   node static/vendor/rebuild.mjs [output folder]
// It installs into a temporary folder, so that no node_modules appears in the tree.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "age-encryption"));
const room = mkdtempSync(join(tmpdir(), "vendor-"));
try {
  for (const name of ["package.json", "package-lock.json"]) {
    copyFileSync(join(here, name), join(room, name));
  }
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--silent"], { cwd: room, stdio: "inherit" });
  mkdirSync(out, { recursive: true });
  const entries = {
    age: 'export { Decrypter, Encrypter, generateX25519Identity, identityToRecipient, armor } from "age-encryption";',
    ed25519: 'export { verifyAsync } from "@noble/ed25519";',
    words: 'export { wordlist } from "@scure/bip39/wordlists/english.js";',
  };
  for (const [name, source] of Object.entries(entries)) {
    writeFileSync(join(room, `${name}.mjs`), source + "\n");
    execFileSync(
      join(room, "node_modules/.bin/esbuild"),
      [`${name}.mjs`, "--bundle", "--format=esm", "--target=es2022", "--charset=utf8",
        "--minify", "--legal-comments=none", "--log-level=warning", `--outfile=${join(out, `${name}.js`)}`],
      { cwd: room, stdio: "inherit" },
    );
  }
  // The licences of every package that ends up in a bundle, in one file.
  const lock = JSON.parse(readFileSync(join(room, "package-lock.json"), "utf8")).packages;
  const inside = Object.keys(lock).filter((path) =>
    /^node_modules\/(age-encryption|@noble\/[^/]+|@scure\/[^/]+)$/.test(path)).sort();
  let licences = "";
  const versions = {};
  for (const path of inside) {
    const name = path.slice("node_modules/".length);
    versions[name] = lock[path].version;
    licences += `== ${name} ${lock[path].version} (${lock[path].license}) ==\n\n`;
    licences += readFileSync(join(room, path, "LICENSE"), "utf8").trim() + "\n\n";
  }
  writeFileSync(join(out, "LICENSES.txt"), licences);
  writeFileSync(join(out, "versions.json"), JSON.stringify(versions, null, 2) + "\n");
} finally {
  rmSync(room, { recursive: true, force: true });
}
