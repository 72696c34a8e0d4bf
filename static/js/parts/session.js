// Says before a session ends for want of use, and lets it go on. Tabs tell each other.

const WARN_MS = 2 * 60 * 1000;
const body = document.body;
const box = document.querySelector("[data-session-warning]");

if (box && body.dataset.sessionSeconds) {
  // Seconds from the server, so that a phone whose clock is wrong is warned in time as well.
  const inSeconds = (seconds) => Date.now() + Number(seconds) * 1000;
  let ends = inSeconds(body.dataset.sessionSeconds);
  const words = box.querySelector("[data-words]");
  const stay = box.querySelector("[data-session-stay]");
  const others = "BroadcastChannel" in window ? new BroadcastChannel("heyan-session") : null;
  let before = null;

  const left = () => ends - Date.now();

  function prolong(until) {
    ends = Math.max(ends, until);
    if (!box.hidden && left() > WARN_MS) {
      box.hidden = true;
      before?.focus();
    }
  }

  function tell() {
    const remaining = left();
    if (remaining > WARN_MS) return;
    if (box.hidden) {
      before = document.activeElement;
      box.hidden = false;
      stay.focus();
    }
    if (remaining <= 0) {
      words.textContent = box.dataset.over;
      stay.hidden = true;
      return;
    }
    const seconds = Math.ceil(remaining / 1000);
    const amount =
      seconds > 60
        ? box.dataset.minutes.replace("{count}", Math.ceil(seconds / 60))
        : box.dataset.seconds.replace("{count}", Math.ceil(seconds / 10) * 10);
    const said = words.dataset.words.replace("{left}", amount);
    if (words.textContent !== said) words.textContent = said;
  }

  stay.addEventListener("click", async () => {
    try {
      const answer = await fetch(body.dataset.sessionUrl, { headers: { Accept: "application/json" } });
      const { seconds } = await answer.json();
      if (seconds > 0) {
        prolong(inSeconds(seconds));
        others?.postMessage(ends);
      } else {
        ends = 0;
        tell();
      }
    } catch {
      // Without a connection the warning simply stays.
    }
  });
  others?.addEventListener("message", (event) => prolong(Number(event.data)));
  others?.postMessage(ends);
  setInterval(tell, 1000);
}
