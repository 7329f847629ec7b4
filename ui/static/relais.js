// Relais works without this script. It only adds: a warning before the
// session's end, protection against a second click, buttons that print.
(() => {
  "use strict";
  const KEPT = "relais.saisie";
  const KEEP_FOR = 30 * 60 * 1000;

  // A second click on a button that acts must not act twice. The server
  // refuses it as well; this spares the page that says so.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (event.defaultPrevented || form.target === "_blank") return;
    form.dataset.sent = "1";
    // Later, or the pressed button's own value would not be sent.
    setTimeout(() => {
      for (const b of form.querySelectorAll("button")) b.setAttribute("aria-disabled", "true");
    });
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) {
      delete form.dataset.sent;
      for (const b of form.querySelectorAll("button")) b.removeAttribute("aria-disabled");
    }
  });

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  // After a refused form, start where the errors are listed.
  const summary = document.getElementById("resume-erreurs");
  if (summary) summary.focus();

  const dialog = document.getElementById("session");
  giveBack();
  if (dialog) watch(dialog);

  function owner() {
    return dialog ? dialog.dataset.owner || "" : "";
  }

  // Fields of the page's own forms; never passwords, files or hidden values,
  // and nothing of a form marked data-no-keep.
  function fields() {
    return [...document.querySelectorAll("main form:not([data-no-keep]) :is(input, select, textarea)")]
      .filter((f) => f.name && !["password", "hidden", "file", "submit"].includes(f.type) && f.autocomplete !== "one-time-code");
  }

  function keep() {
    const values = fields().map((f) => [f.name, f.type === "checkbox" || f.type === "radio" ? f.value : null,
      f.type === "checkbox" || f.type === "radio" ? f.checked : f.value]);
    if (!values.length) return;
    const record = { path: location.pathname, owner: owner(), at: Date.now(), values };
    try { sessionStorage.setItem(KEPT, JSON.stringify(record)); } catch { /* storage is full or forbidden */ }
  }

  // What was typed goes back to the same person only, once, on the same page.
  function giveBack() {
    let record;
    try { record = JSON.parse(sessionStorage.getItem(KEPT)); } catch { return; }
    if (!record) return;
    const stale = Date.now() - record.at > KEEP_FOR;
    const other = dialog && owner() !== record.owner;
    if (stale || other) {
      sessionStorage.removeItem(KEPT);
      return;
    }
    if (!dialog || location.pathname !== record.path) return;
    sessionStorage.removeItem(KEPT);
    for (const f of fields()) {
      const choice = f.type === "checkbox" || f.type === "radio";
      const found = record.values.find(([name, value]) => name === f.name && (!choice || value === f.value));
      if (!found) continue;
      if (choice) f.checked = found[2]; else f.value = found[2];
    }
    const p = document.createElement("p");
    p.textContent = "Ce que vous aviez saisi avant la fin de votre session est de retour dans cette page. Vérifiez, puis continuez.";
    const box = document.createElement("div");
    box.className = "alert info";
    box.append(p);
    document.getElementById("annonce").append(box);
  }

  function watch(box) {
    const idle = Number(box.dataset.idle) * 1000;
    const warn = Number(box.dataset.warn) * 1000;
    if (!(idle > 0)) return;
    // Other tabs of the same session lengthen it too.
    const channel = "BroadcastChannel" in window ? new BroadcastChannel("relais.session") : null;
    let end = 0;
    let ended = false;

    const restart = () => {
      end = Date.now() + idle;
      const at = new Date(end);
      box.querySelector("[data-end]").textContent = at.getHours() + " h " + String(at.getMinutes()).padStart(2, "0");
      if (box.open) {
        sessionStorage.removeItem(KEPT);
        box.close();
      }
    };
    const finish = () => {
      ended = true;
      keep();
      location.replace(location.pathname + location.search); // the server says where to sign in again
    };
    const tick = () => {
      if (ended) return;
      const left = end - Date.now();
      if (left <= 0) return finish();
      if (left <= warn && !box.open) {
        keep();
        box.showModal();
      }
    };
    const stay = async () => {
      try {
        const answer = await fetch(box.dataset.prolong, { method: "POST", redirect: "manual" });
        if (!answer.ok) return finish();
        restart();
        if (channel) channel.postMessage("alive");
      } catch {
        // No network: the clock goes on, and the button can be pressed again.
      }
    };

    box.querySelector("[data-stay]").addEventListener("click", stay);
    box.addEventListener("cancel", (event) => { event.preventDefault(); stay(); });
    box.querySelector("form").addEventListener("submit", () => sessionStorage.removeItem(KEPT));
    if (channel) {
      channel.onmessage = () => { if (!ended) restart(); };
      channel.postMessage("alive");
    }
    restart();
    setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
  }
})();
