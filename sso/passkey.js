// Asks the browser for passkeys (WebAuthn). A form with data-passkey holds what is asked for; the answer goes into its field "passkey", and the
// form is sent as any other. Without this script such forms stay hidden.
(() => {
  "use strict";
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => buffer && btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const wanted = (form) => {
    const o = JSON.parse(form.dataset.passkey);
    o.challenge = bytes(o.challenge);
    if (o.user) o.user.id = bytes(o.user.id);
    for (const c of o.allowCredentials || o.excludeCredentials || []) c.id = bytes(c.id);
    return o;
  };
  const answer = (c) => {
    const r = c.response;
    const a = { clientDataJSON: text(r.clientDataJSON) };
    if (r.attestationObject) {
      a.attestationObject = text(r.attestationObject);
      a.transports = r.getTransports ? r.getTransports() : [];
    } else {
      a.authenticatorData = text(r.authenticatorData);
      a.signature = text(r.signature);
      if (r.userHandle) a.userHandle = text(r.userHandle);
    }
    const all = { id: c.id, rawId: text(c.rawId), type: c.type, response: a, clientExtensionResults: {} };
    if (c.authenticatorAttachment) all.authenticatorAttachment = c.authenticatorAttachment;
    return JSON.stringify(all);
  };

  if (!window.PublicKeyCredential || !navigator.credentials) {
    for (const note of document.querySelectorAll("[data-no-passkeys]")) note.hidden = false;
    return;
  }
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    const failed = form.querySelector("[data-failed]");
    let waiting; // for a passkey that the field of the user name offers
    const ask = async (how) => {
      const publicKey = wanted(form);
      const c = publicKey.user ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey, ...how });
      form.elements.passkey.value = answer(c);
      form.submit();
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (waiting) waiting.abort();
      waiting = undefined;
      failed.hidden = true;
      form.setAttribute("aria-busy", "true");
      try {
        await ask({});
      } catch (error) {
        failed.hidden = false;
      } finally {
        form.removeAttribute("aria-busy");
      }
    });
    if (form.dataset.offer !== undefined && PublicKeyCredential.isConditionalMediationAvailable) {
      PublicKeyCredential.isConditionalMediationAvailable().then((can) => {
        if (!can) return;
        waiting = new AbortController();
        ask({ mediation: "conditional", signal: waiting.signal }).catch(() => {});
      });
    }
  }
})();
