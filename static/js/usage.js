// Counts presses on buttons that name themselves; loaded only where the visitor has agreed.

const place = document.querySelector("[data-usage-url]");

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-usage]");
  if (!place || !pressed) return;
  const body = new URLSearchParams({
    csrf_token: place.dataset.usageToken,
    page: place.dataset.usagePage,
    click: pressed.dataset.usage,
  });
  // The page may be left at once: the request outlives it, and nothing waits for its answer.
  fetch(place.dataset.usageUrl, { method: "POST", body, keepalive: true }).catch(() => {});
});
