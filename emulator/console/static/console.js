// The console works without this file. With it, an open page updates itself.
"use strict";

(() => {
  const live = document.getElementById("live");
  if (live.dataset.of === "none") return;
  const focusable = "a, button, input, select, [tabindex]";
  const nameOf = (one) => one.id || one.getAttribute("href") || one.getAttribute("aria-label") || one.textContent;
  let waiting = false;

  function isBusy() {
    // A field must not change while somebody uses it.
    const active = document.activeElement;
    return live.contains(active) && ["INPUT", "SELECT"].includes(active.tagName);
  }

  function replace(fresh) {
    const focused = live.contains(document.activeElement) ? nameOf(document.activeElement) : "";
    const places = new Map();
    for (const one of live.querySelectorAll("[role=region]")) {
      const isAtEnd = one.scrollTop > 0 && one.scrollTop + one.clientHeight >= one.scrollHeight - 4;
      places.set(one.getAttribute("aria-label"), { top: isAtEnd ? Infinity : one.scrollTop, left: one.scrollLeft });
    }
    live.replaceChildren(...fresh.childNodes);
    for (const one of live.querySelectorAll("[role=region]")) {
      const place = places.get(one.getAttribute("aria-label"));
      if (place) {
        one.scrollTop = Math.min(place.top, one.scrollHeight);
        one.scrollLeft = place.left;
      }
    }
    if (focused) Array.from(live.querySelectorAll(focusable)).find((one) => nameOf(one) === focused)?.focus();
  }

  async function refresh() {
    if (isBusy() || document.hidden) {
      waiting = true;
      return;
    }
    waiting = false;
    const answer = await fetch(window.location.href);
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (fresh && fresh.innerHTML !== live.innerHTML && !isBusy()) replace(fresh);
  }

  const soon = () => refresh().catch(() => {
    // The emulator is restarting; the stream reconnects by itself.
  });
  const late = () => {
    if (waiting) soon();
  };

  const log = document.getElementById("log");
  if (log) log.scrollTop = log.scrollHeight;
  live.addEventListener("focusout", () => window.setTimeout(late));
  document.addEventListener("visibilitychange", late);
  new EventSource(`/console/stream?of=${live.dataset.of}`).addEventListener("look", soon);
})();
