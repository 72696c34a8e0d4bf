// Sends the form and tells how far it is; answers {redirect}, {errors, warnings} or {failed}.

/** Return {done, cancel}; *onProgress* gets a whole percentage. */
export function send(form, body, onProgress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve) => {
    request.open("POST", form.action);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(Math.floor((event.loaded / event.total) * 100));
    });
    request.addEventListener("load", () => {
      const answer = request.response ?? {};
      if (answer.redirect) return resolve({ redirect: answer.redirect });
      const errors = answer.errors?.file ?? [];
      const warnings = answer.warnings ?? [];
      if (errors.length || warnings.length) return resolve({ errors, warnings });
      const said = [answer.error, answer.advice].filter(Boolean).join(" ");
      return resolve(said ? { errors: [said], warnings: [] } : { failed: "server" });
    });
    request.addEventListener("error", () => resolve({ failed: "network" }));
    request.addEventListener("timeout", () => resolve({ failed: "network" }));
    request.addEventListener("abort", () => resolve({ failed: "cancelled" }));
    request.send(body);
  });
  return { done, cancel: () => request.abort() };
}
