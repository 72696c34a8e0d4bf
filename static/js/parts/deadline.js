// Keeps "time left" true while a page stays open: data-left holds the moment, data-… the words.

function amount(place, ms) {
  const minutes = Math.floor(ms / 60000);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const { days: inDays, hours: inHours, minutes: inMinutes, over } = place.dataset;
  if (ms <= 0) return over;
  if (days > 0) return inDays.replace("{days}", days).replace("{hours}", hours % 24);
  if (hours > 0) return inHours.replace("{hours}", hours).replace("{minutes}", minutes % 60);
  return inMinutes.replace("{minutes}", Math.max(1, minutes));
}

const places = document.querySelectorAll("[data-left]");
if (places.length) {
  const skew = Date.now() - Date.parse(document.body.dataset.now ?? "") || 0;
  const tick = () => {
    for (const place of places) {
      const said = amount(place, Date.parse(place.dataset.left) - (Date.now() - skew));
      if (place.textContent !== said) place.textContent = said;
    }
  };
  tick();
  setInterval(tick, 20000);
}
