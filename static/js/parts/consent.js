// A form's buttons stay dead until its consent boxes are ticked; the server refuses all the same.
// A button that must live regardless (refusing) carries data-always.

function settle(form) {
  const boxes = [...form.querySelectorAll("input[data-consent]")];
  const ready = boxes.every((box) => box.checked);
  for (const button of form.querySelectorAll("button[type=submit]:not([data-always])")) {
    button.disabled = !ready;
  }
}

const forms = new Set();
for (const box of document.querySelectorAll("input[data-consent]")) if (box.form) forms.add(box.form);
for (const form of forms) {
  form.addEventListener("change", () => settle(form));
  settle(form);
}
// The browser may bring ticks back with the page it kept.
window.addEventListener("pageshow", () => forms.forEach(settle));
