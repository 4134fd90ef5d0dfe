// The key lives in this page's memory only: it is not stored, and leaves with the tab.
"use strict";

let key = "";

const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    const target = new URL(request.url, window.location.href);
    if (key && target.origin === window.location.origin) {
      request.headers = { ...request.headers, Authorization: `Bearer ${key}` };
    }
    return request;
  },
});

const state = document.getElementById("key-state");

document.getElementById("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  key = document.getElementById("key").value.trim();
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch("openapi.json", { headers });
  if (!answer.ok) {
    key = "";
    state.textContent = (await answer.json()).detail;
    return;
  }
  state.textContent = key ? "The functions of this key's tenant." : "No key: what everybody may see.";
  ui.specActions.updateSpec(await answer.text());
});
