// What every page does a little better with a script: none of it is needed to use the page.
import "./parts/consent.js";
import "./parts/deadline.js";
import "./parts/menu.js";
import "./parts/reveal.js";
import "./parts/session.js";

// An error summary is read first.
document.querySelector("[data-error-summary], .error-summary")?.focus();
