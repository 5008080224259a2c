// Asks for an API key or a token. It stays in this tab's session storage, and goes to this gateway only.

import { h } from "./dom.js";

/** A promise of what the visitor enters, null if nothing; `reason` says why the last one did not count. */
export function askForCredential(reason) {
  return new Promise((resolve) => {
    let entered = null;
    const input = h("input", {
      type: "password",
      id: "credential",
      autocomplete: "off",
      required: true,
      spellcheck: "false",
    });
    const submit = (event) => {
      event.preventDefault();
      entered = input.value.trim() || null;
      dialog.close();
    };
    const closed = () => {
      dialog.remove();
      resolve(entered);
    };
    const dialog = h(
      "dialog.credential",
      { "aria-labelledby": "credential-title", onclose: closed },
      h(
        "form",
        { onsubmit: submit },
        h("h2", { id: "credential-title" }, "This gateway asks for credentials"),
        reason ? h("p.error", { role: "alert" }, reason) : null,
        h("label", { for: "credential" }, "API key or token"),
        input,
        h("p.hint", {}, "Whoever runs the gateway gives it out. It is kept in this tab until you close it, and sent to this gateway only."),
        h(
          "div.actions",
          {},
          h("button.primary", {}, "Continue"),
          h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
