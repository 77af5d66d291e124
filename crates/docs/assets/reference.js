// Starts Swagger UI on the API description of the chosen version. v2 unless the address asks for v1.
(() => {
  const version = new URLSearchParams(location.search).get("version") === "v1" ? "v1" : "v2";

  for (const link of document.querySelectorAll("[data-version]")) {
    if (link.dataset.version === version) {
      link.setAttribute("aria-current", "true");
    } else {
      link.removeAttribute("aria-current");
    }
  }
  document.getElementById("deprecated").hidden = version !== "v1";

  // Swagger UI goes by a class, the rest of the page by the media query.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();

  SwaggerUIBundle({
    url: `/api/${version}/openapi.json`,
    domNode: document.getElementById("operations"),
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    filter: true,
    // A token must not outlive the page.
    persistAuthorization: false,
    requestSnippetsEnabled: false,
    tryItOutEnabled: true,
    // The default asks a server on the internet.
    validatorUrl: null,
  });
})();
