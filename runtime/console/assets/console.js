// Replaces parts of a page as they change, and sends modules that are dropped. Pages are whole without it.
"use strict";

(() => {
  const state = document.getElementById("live-state");

  /** Which parts of an element are open, and what has the focus, survive its replacement. */
  function replace(element, html) {
    const opened = [...element.querySelectorAll("details")].map((details) => details.open);
    const scrolled = [...element.querySelectorAll(".scroll, .diagram")].map((box) => [box.scrollLeft, box.scrollTop]);
    const focusable = "a, button, input, select, textarea, summary, [tabindex]";
    const focused = [...element.querySelectorAll(focusable)].indexOf(document.activeElement);
    element.innerHTML = html;
    element.querySelectorAll("details").forEach((details, at) => { details.open = opened[at] ?? details.open; });
    element.querySelectorAll(".scroll, .diagram").forEach((box, at) => {
      if (scrolled[at]) [box.scrollLeft, box.scrollTop] = scrolled[at];
    });
    if (focused >= 0) element.querySelectorAll(focusable)[focused]?.focus({ preventScroll: true });
  }

  function live() {
    const source = new EventSource(location.href);
    source.addEventListener("part", (event) => {
      const { id, html } = JSON.parse(event.data);
      const element = document.getElementById(id);
      if (element && element.innerHTML !== html) replace(element, html);
      state.hidden = true;
    });
    for (const end of ["over", "gone"]) source.addEventListener(end, () => source.close());
    source.addEventListener("error", () => {
      state.textContent = "The server cannot be reached: what is shown may be old.";
      state.hidden = false;
    });
    // A page that nobody sees asks for nothing.
    document.addEventListener("visibilitychange", () => { if (document.hidden) source.close(); }, { once: true });
    document.addEventListener("visibilitychange", function again() {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", again);
      if (source.readyState === EventSource.CLOSED && document.querySelector("main[data-live]")) live();
    });
  }

  function upload(form) {
    const input = form.querySelector("input[type=file]");
    const name = form.querySelector("input[name=function]");
    const told = form.querySelector("#upload-state");
    const progress = form.querySelector("progress");

    function send(file) {
      const chosen = name?.value.trim() || file.name.replace(/\.wasm$/, "").replace(/[^A-Za-z0-9_-]/g, "-");
      const target = form.dataset.function ?? chosen;
      const request = new XMLHttpRequest();
      request.open("POST", `/console/functions/${encodeURIComponent(target)}/module`);
      request.setRequestHeader("content-type", "application/wasm");
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) progress.value = event.loaded / event.total;
        if (event.loaded === event.total) told.textContent = `Compiling ${file.name}…`;
      });
      request.addEventListener("load", () => {
        progress.hidden = true;
        if (request.status < 400) {
          location.assign(`/console/functions/${encodeURIComponent(target)}`);
          return;
        }
        const page = new DOMParser().parseFromString(request.responseText, "text/html");
        told.textContent = page.querySelector(".problem")?.textContent ?? `The server answered ${request.status}.`;
        told.className = "bad";
      });
      request.addEventListener("error", () => {
        progress.hidden = true;
        told.textContent = "The server cannot be reached.";
        told.className = "bad";
      });
      told.className = "";
      told.textContent = `Sending ${file.name}…`;
      progress.hidden = false;
      request.send(file);
    }

    form.addEventListener("submit", (event) => event.preventDefault());
    input.addEventListener("change", () => { if (input.files[0]) send(input.files[0]); });
    for (const over of ["dragenter", "dragover"]) {
      form.addEventListener(over, (event) => { event.preventDefault(); form.classList.add("over"); });
    }
    for (const out of ["dragleave", "drop"]) form.addEventListener(out, () => form.classList.remove("over"));
    form.addEventListener("drop", (event) => {
      event.preventDefault();
      const file = event.dataTransfer.files[0];
      if (file) send(file);
    });
  }

  if (document.querySelector("main[data-live]")) live();
  document.querySelectorAll("form[data-upload]").forEach(upload);
})();
