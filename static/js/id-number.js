// Reads an identity number while it is typed: says early which digit cannot be right, and what a
// sound number says (birthday, sex). Nothing leaves the page; the server checks again.

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK = "10X98765432";

/** As the server cleans it: half width, capitals, no blanks or dashes. */
export function clean(raw) {
  return raw.normalize("NFKC").replace(/[\s\-·]/g, "").toUpperCase();
}

function dayOf(number) {
  const [year, month, day] = [number.slice(6, 10), number.slice(10, 12), number.slice(12, 14)].map(Number);
  const made = new Date(Date.UTC(year, month - 1, day));
  const same = made.getUTCFullYear() === year && made.getUTCMonth() === month - 1 && made.getUTCDate() === day;
  return same && year >= 1890 && made <= new Date() ? { year, month, day } : null;
}

/** Return {fault, at, count} or {year, month, day, male} or {} while nothing can be said yet. */
export function read(raw) {
  const number = clean(raw);
  for (let at = 0; at < number.length; at += 1) {
    const good = at < 17 ? /[0-9]/ : at === 17 ? /[0-9X]/ : null;
    if (!good) return { fault: "long", count: number.length };
    if (!good.test(number[at])) return { fault: at === 17 ? "last" : "digit", at: at + 1 };
  }
  if (number.length >= 7 && !/^(18|19|20)/.test(number.slice(6, 8).padEnd(2, "9")) && number.length >= 8) {
    return { fault: "year" };
  }
  if (number.length >= 12 && !(Number(number.slice(10, 12)) >= 1 && Number(number.slice(10, 12)) <= 12)) {
    return { fault: "month" };
  }
  const day = number.length >= 14 ? dayOf(number) : null;
  if (number.length >= 14 && !day) return { fault: "day" };
  if (number.length < 18) return {};
  const total = WEIGHTS.reduce((sum, weight, at) => sum + weight * Number(number[at]), 0);
  if (CHECK[total % 11] !== number[17]) return { fault: "check" };
  return { ...day, male: Number(number[16]) % 2 === 1 };
}

const input = document.querySelector("input[name=id_number]");
const place = document.querySelector("[data-id-number]");
if (input && place) {
  const words = JSON.parse(document.getElementById("id-number-words").textContent);
  const kind = () =>
    document.querySelector("input[name=id_kind]:checked, input[name=id_kind][type=hidden]")?.value;

  const tell = (final) => {
    place.classList.remove("wrong");
    place.textContent = "";
    if (kind() !== "id_card" || !input.value) return;
    const found = read(input.value);
    const length = clean(input.value).length;
    let said = "";
    if (found.fault) said = words[found.fault].replace("{at}", found.at).replace("{count}", found.count);
    else if (found.year) {
      said = words.sound
        .replace("{year}", found.year)
        .replace("{month}", found.month)
        .replace("{day}", found.day)
        .replace("{sex}", found.male ? words.male : words.female);
    } else if (final) said = words.short.replace("{count}", length);
    else said = words.typing.replace("{count}", length);
    place.classList.toggle("wrong", Boolean(found.fault) || (final && length < 18));
    place.textContent = said;
  };

  input.addEventListener("input", () => tell(false));
  input.addEventListener("blur", () => tell(true));
  document.addEventListener("change", (event) => {
    if (event.target.name === "id_kind") tell(true);
  });
}
