// Says, while typing, how long a guesser would need; the server decides alone what is refused.
// An input takes part with data-strength="id of the element that says it".

const WORDS = {
  zh: ["太短", "容易猜到", "一般", "较强", "很强"],
  en: ["Too short", "Easy to guess", "Fair", "Strong", "Very strong"],
};

/** Bits a guesser has to go through, counted cautiously: repeats and runs add almost nothing. */
export function bits(password) {
  const characters = [...password];
  let sum = 0;
  for (let at = 0; at < characters.length; at += 1) {
    const code = characters[at].codePointAt(0);
    const before = at > 0 ? characters[at - 1].codePointAt(0) : -10;
    const known = characters.indexOf(characters[at]) < at;
    if (Math.abs(code - before) <= 1) sum += 0.5;
    else if (known) sum += 2;
    else if (code > 0x2e7f) sum += 8;
    else if (code >= 0x30 && code <= 0x39) sum += 2.5;
    else sum += 3.5;
  }
  return sum;
}

/** From 0 (too short) to 4. */
export function grade(password) {
  if ([...password].length < 8) return 0;
  const found = bits(password);
  if (found < 22) return 1;
  if (found < 32) return 2;
  return found < 45 ? 3 : 4;
}

for (const input of document.querySelectorAll("input[data-strength]")) {
  const place = document.getElementById(input.dataset.strength);
  if (!place) continue;
  const words = document.documentElement.lang.startsWith("en") ? WORDS.en : WORDS.zh;
  input.addEventListener("input", () => {
    const level = grade(input.value);
    place.textContent = input.value ? words[level] : "";
    place.dataset.level = String(level);
  });
}
