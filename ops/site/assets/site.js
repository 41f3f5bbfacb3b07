// A wide table scrolls by itself: a person without a mouse must be able to reach it. The theme wraps tables late.
(() => {
  const reach = () => {
    for (const one of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) one.tabIndex = 0;
  };
  reach();
  new MutationObserver(reach).observe(document.documentElement, { childList: true, subtree: true });
})();
