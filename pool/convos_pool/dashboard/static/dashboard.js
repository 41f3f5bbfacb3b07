// Everything works without this file. With it, actions are sent without leaving the page, and the page updates itself.
"use strict";

(() => {
  const result = document.getElementById("result");
  const filter = document.getElementById("filter");
  let waiting = false;

  const chosen = () => new URLSearchParams(new FormData(filter));

  function replace(fresh) {
    const old = document.getElementById(fresh.id);
    // An action that is open for confirmation must not be replaced.
    if (old.querySelector("details[open]")) {
      waiting = true;
      return;
    }
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceWith(fresh);
    if (focused) document.getElementById(focused)?.focus();
  }

  async function refresh() {
    waiting = false;
    const answer = await fetch(`/dashboard/live?${chosen()}`);
    if (answer.status === 401) {
      window.location.reload();
      return;
    }
    if (!answer.ok) return;
    const parts = document.createElement("template");
    parts.innerHTML = await answer.text();
    Array.from(parts.content.children).forEach(replace);
  }

  const soon = () => refresh().catch(() => {
    // The pool manager is being replaced; the stream comes back with it.
  });

  function show(text) {
    result.innerHTML = text;
    result.focus();
    result.scrollIntoView({ block: "nearest" });
  }

  function tell(words) {
    const line = document.createElement("p");
    line.className = "problem";
    line.textContent = words;
    result.replaceChildren(line);
    result.focus();
  }

  async function send(form) {
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { "X-Part": "result" },
      });
      if (answer.redirected) {
        window.location.reload();
        return;
      }
      show(await answer.text());
      if (answer.ok) form.reset();
    } catch {
      tell("The pool manager did not answer. Check the last events for the outcome.");
    } finally {
      button.disabled = false;
      form.closest("details")?.removeAttribute("open");
      soon();
    }
  }

  document.addEventListener("submit", (event) => {
    if (event.target === filter) {
      event.preventDefault();
      soon();
    } else if (event.target.dataset.live !== undefined) {
      event.preventDefault();
      send(event.target);
    }
  });

  document.addEventListener("toggle", (event) => {
    if (event.target.open) {
      for (const other of document.querySelectorAll("details[open]")) if (other !== event.target) other.open = false;
    } else if (waiting) {
      soon();
    }
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const field = document.getElementById(copy.dataset.copy);
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
        copy.textContent = "Copied";
      } catch {
        copy.textContent = "Press Ctrl+C";
      }
      return;
    }
    const link = event.target.closest('a[href^="/dashboard/agents/"]');
    if (link) {
      event.preventDefault();
      const answer = await fetch(link.href, { headers: { "X-Part": "result" } });
      show(await answer.text());
    }
  });

  let typing = 0;
  filter.addEventListener("input", () => {
    window.clearTimeout(typing);
    typing = window.setTimeout(() => {
      const query = chosen().toString();
      window.history.replaceState(null, "", `/?${query}`);
      soon();
    }, 200);
  });

  const stream = new EventSource("/dashboard/stream");
  stream.addEventListener("snapshot", soon);
})();
