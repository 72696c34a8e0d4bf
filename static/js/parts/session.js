// Says before a session ends for want of use, and lets it go on. Tabs tell each other.

const WARN_MS = 2 * 60 * 1000;
const body = document.body;
const box = document.querySelector("[data-session-warning]");

if (box && body.dataset.sessionEnds) {
  let ends = Date.parse(body.dataset.sessionEnds);
  // The server's clock counts, not the phone's: measure from when the page came.
  const skew = Date.now() - Date.parse(body.dataset.now ?? "") || 0;
  const words = box.querySelector("[data-words]");
  const stay = box.querySelector("[data-session-stay]");
  const others = "BroadcastChannel" in window ? new BroadcastChannel("heyan-session") : null;
  let before = null;

  const left = () => ends - (Date.now() - skew);

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
      const { expires_at: until } = await answer.json();
      if (until) {
        prolong(Date.parse(until));
        others?.postMessage(until);
      } else {
        ends = 0;
        tell();
      }
    } catch {
      // Without a connection the warning simply stays.
    }
  });
  others?.addEventListener("message", (event) => prolong(Date.parse(event.data)));
  others?.postMessage(body.dataset.sessionEnds);
  setInterval(tell, 1000);
}
