// A button beside each password that shows it, made here because it needs a script.

for (const input of document.querySelectorAll("input[data-reveal]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reveal-button";
  button.textContent = input.dataset.reveal;
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.textContent = shown ? input.dataset.reveal : input.dataset.conceal;
  });
  // What is typed must not be left readable, nor be kept as text by the browser.
  input.form?.addEventListener("submit", () => {
    input.type = "password";
  });
  input.after(button);
}
