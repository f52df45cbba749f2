// The admin follows the theme that was chosen in the dashboard, before the first paint.
try {
  localStorage.setItem("theme", localStorage.getItem("quarterdeck-theme") ?? "auto");
  addEventListener("click", (event) => {
    if (!event.target.closest(".theme-toggle")) return;
    // Django's own script has set its key by the time that this timer runs.
    setTimeout(() => localStorage.setItem("quarterdeck-theme", localStorage.getItem("theme") ?? "auto"));
  });
} catch {
  // Without storage both follow the system.
}
