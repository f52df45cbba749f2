// Blocking and tiny, so that the chosen theme is there before the first paint.
(() => {
  let choice = "auto";
  try {
    choice = localStorage.getItem("quarterdeck-theme") ?? "auto";
  } catch {
    // Storage may be forbidden; the system's preference then decides.
  }
  if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
})();
