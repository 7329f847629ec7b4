// Passkeys. A form marked data-cle asks its data-defi for what to ask of the
// authenticator, lets the browser ask it, and sends the answer as any form is
// sent: what follows is a page, and no script reads it.
(() => {
  "use strict";
  const encode = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const decode = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const able = "credentials" in navigator && "PublicKeyCredential" in window;

  for (const form of document.querySelectorAll("form[data-cle]")) {
    const said = form.querySelector("[data-cle-dit]");
    if (!able) {
      said.textContent = "Ce navigateur ne propose pas de clé d’accès. Utilisez un autre moyen de vous identifier.";
      continue;
    }
    for (const hidden of form.querySelectorAll("[data-cle-avec]")) hidden.hidden = false;
    let busy = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy) return;
      busy = true;
      said.textContent = "";
      try {
        form.elements.reponse.value = JSON.stringify(await answer(form));
        form.submit(); // a page follows
      } catch (problem) {
        said.textContent = words(problem);
        busy = false;
      }
    });
  }

  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  async function answer(form) {
    const asked = await fetch(form.dataset.defi, { method: "POST", headers: { Accept: "application/json" } });
    const options = await asked.json().catch(() => ({}));
    if (!asked.ok) throw new Error(options.erreur || "");
    options.challenge = decode(options.challenge);
    for (const list of [options.allowCredentials, options.excludeCredentials]) {
      for (const one of list || []) one.id = decode(one.id);
    }
    if (form.dataset.cle === "get") return shown(await navigator.credentials.get({ publicKey: options }));
    options.user.id = decode(options.user.id);
    return shown(await navigator.credentials.create({ publicKey: options }));
  }

  // The names are WebAuthn's own JSON form.
  function shown(credential) {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = encode(credential.response[name]);
    }
    return { id: credential.id, rawId: encode(credential.rawId), type: credential.type, response, clientExtensionResults: {} };
  }

  function words(problem) {
    switch (problem.name) {
      case "NotAllowedError":
        return "La clé d’accès n’a pas répondu : la demande a été annulée, ou le temps a passé. Rien n’a été modifié. Vous pouvez recommencer.";
      case "InvalidStateError":
        return "Cet appareil est déjà enregistré pour votre compte. Rien n’a été modifié.";
      case "NotSupportedError":
      case "ConstraintError":
        return "Cet appareil ne peut pas vérifier que c’est bien vous. Essayez avec un autre, ou utilisez une application de codes.";
      case "Error":
        if (problem.message) return problem.message;
    }
    return "La demande n’a pas abouti. Rien n’a été modifié. Rechargez la page, puis recommencez.";
  }
})();
