"use strict";
// Keeps the page's figures live: the page is asked for again, and what differs is written into this one, node by node, so that focus,
// selection and scroll position stay. Without scripts the page reloads itself.
(function () {
  const every = 2000;
  const state = document.getElementById("live");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Pause";
  let paused = false, timer = 0;

  function say(text) {
    if (state.firstChild === null || state.textContent !== text) state.textContent = text;
  }
  function same(a, b) {
    return a.nodeType === b.nodeType && a.nodeName === b.nodeName;
  }
  function become(now, next) {
    if (now.nodeType === Node.TEXT_NODE) {
      if (now.data !== next.data) now.data = next.data;
      return;
    }
    if (now.nodeType !== Node.ELEMENT_NODE) return;
    for (const a of Array.from(now.attributes)) if (!next.hasAttribute(a.name) && a.name !== "tabindex") now.removeAttribute(a.name);
    for (const a of Array.from(next.attributes)) if (now.getAttribute(a.name) !== a.value) now.setAttribute(a.name, a.value);
    const have = Array.from(now.childNodes), want = Array.from(next.childNodes);
    for (let i = 0; i < want.length; i++) {
      if (i >= have.length) now.appendChild(document.importNode(want[i], true));
      else if (same(have[i], want[i])) become(have[i], want[i]);
      else now.replaceChild(document.importNode(want[i], true), have[i]);
    }
    for (let i = want.length; i < have.length; i++) have[i].remove();
  }
  function ask() {
    timer = 0;
    if (paused || document.hidden) return;
    const r = new XMLHttpRequest();
    r.open("GET", "/ui");
    r.responseType = "document";
    r.timeout = 10000;
    r.onload = function () {
      const next = r.status === 200 && r.response;
      if (next && !paused) {
        for (const id of ["state", "figures", "asof"]) become(document.getElementById(id), next.getElementById(id));
        document.title = next.title;
        say("live");
      } else if (!next) say("the connector answers with status " + r.status);
    };
    r.onerror = r.ontimeout = function () { say("the connector does not answer; these are the last figures"); };
    r.onloadend = again;
    r.send();
  }
  function again() {
    if (!paused && !timer) timer = setTimeout(ask, every);
  }
  button.addEventListener("click", function () {
    paused = !paused;
    button.textContent = paused ? "Resume" : "Pause";
    say(paused ? "paused" : "live");
    if (paused) { clearTimeout(timer); timer = 0; } else ask();
  });
  document.addEventListener("visibilitychange", function () { if (!document.hidden && !timer) again(); });
  state.after(" ", button);
  for (const section of document.querySelectorAll("section")) section.tabIndex = 0;
  say("live");
  again();
})();
