// What pages do beside what HTML does by itself. No page needs it: it saves reloading, reading a clock and
// marking text. Pages say by attributes what they want:
//
//   data-copy="text"             a button that copies the text; data-copied says so
//   time[data-local]             shown in the reader's own time zone
//   data-now="ms"                the server's clock when the page was made
//   data-until="ms"              shows how long it is until then; data-over is what it says afterwards
//   data-live, data-events       URLs that give the element's parts anew, once or as a stream of events;
//                                [data-part] in it are replaced where they changed; [data-done]: no more to come
//   [data-origins]               the pages that may have this one in a frame, and are told what it says with
//   [data-tell="json"]           as soon as it is there, once; on a button, when it is pressed
//   a[data-far]                  leads to a page that refuses frames: in one, it opens beside
//   a[data-leave="seconds"]      is followed by itself; [data-leave-in] shows when, [data-stay] stops it
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  let ahead = 0; // how far the server's clock is ahead of this one, in ms
  const setClock = (ms) => { if (Number.isFinite(ms) && ms > 0) ahead = ms - Date.now(); };
  const stamp = document.querySelector("[data-now]");
  if (stamp) setClock(Number(stamp.dataset.now));

  // Copying.
  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    const field = document.createElement("textarea"); // a page without TLS has no clipboard
    field.value = text;
    field.setAttribute("readonly", "");
    field.className = "unseen";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("not copied");
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try { await copy(button.dataset.copy); } catch { return; }
    if (button.dataset.label) return; // it says so already
    const name = button.getAttribute("aria-label");
    button.dataset.label = button.textContent;
    button.textContent = button.dataset.copied;
    if (name) button.setAttribute("aria-label", button.dataset.copied);
    setTimeout(() => {
      button.textContent = button.dataset.label;
      if (name) button.setAttribute("aria-label", name);
      delete button.dataset.label;
    }, 2000);
  });

  // Times in the reader's own zone.
  const localise = (within) => {
    for (const t of within.querySelectorAll("time[data-local]")) {
      t.textContent = new Intl.DateTimeFormat(root.lang, {
        day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
      }).format(new Date(t.dateTime));
    }
  };

  // Countdowns.
  const two = (n) => String(n).padStart(2, "0");
  const left = (ms) => {
    const s = Math.ceil(ms / 1000), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
  };
  const count = () => {
    for (const clock of document.querySelectorAll("[data-until]")) {
      const ms = Number(clock.dataset.until) - Date.now() - ahead;
      const text = ms > 0 ? left(ms) : clock.dataset.over;
      if (clock.textContent !== text) clock.textContent = text;
    }
  };
  setInterval(count, 250);

  // In a frame: telling the page around this one. It hears only what is sent to an origin that may frame us.
  const framed = window.parent !== window;
  if (framed) root.classList.add("framed");
  const origins = (document.querySelector("[data-origins]")?.dataset.origins || "").split(" ").filter(Boolean);
  const around = window.location.ancestorOrigins?.[0]; // not every browser says it
  const told = new Set();
  const send = (json) => {
    for (const origin of origins) if (!around || around === origin) window.parent.postMessage(JSON.parse(json), origin);
  };
  const tell = (within) => {
    if (!framed) return;
    for (const said of within.querySelectorAll("[data-tell]:not(button)")) {
      if (told.has(said.dataset.tell)) continue;
      told.add(said.dataset.tell);
      send(said.dataset.tell);
    }
    for (const link of within.querySelectorAll("a[data-far]")) link.target = "_blank";
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-tell]");
    if (!button || !framed) return;
    send(button.dataset.tell);
    button.disabled = true;
    if (button.dataset.told) button.textContent = button.dataset.told;
  });

  // Leaving by itself.
  let leaving = 0; // when, on this clock
  let stays = false;
  const leave = () => {
    const link = document.querySelector("a[data-leave]");
    if (!link || stays || framed) return;
    if (!leaving) leaving = Date.now() + 1000 * Number(link.dataset.leave);
    const seconds = Math.max(0, Math.ceil((leaving - Date.now()) / 1000));
    for (const shown of document.querySelectorAll("[data-leave-in]")) shown.textContent = String(seconds);
    if (Date.now() >= leaving && /^https?:$/.test(link.protocol)) {
      stays = true; // once
      location.assign(link.href);
    }
  };
  setInterval(leave, 250);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-stay]");
    if (!button) return;
    stays = true;
    for (const gone of document.querySelectorAll("[data-leaving]")) gone.hidden = true;
  });

  const wire = (within) => { localise(within); count(); leave(); tell(within); };

  // Parts that stay up to date.
  const live = document.querySelector("[data-live]");
  if (live) {
    const said = new Map(); // what the server said of each part, before anything here changed it
    const partsOf = (within) => within.querySelectorAll("[data-part]");
    for (const part of partsOf(live)) said.set(part.dataset.part, part.innerHTML);

    let over = live.querySelector("[data-done]") !== null;
    const show = (html) => {
      const fresh = document.createElement("template");
      fresh.innerHTML = html;
      for (const part of partsOf(fresh.content)) {
        const name = part.dataset.part;
        if (part.dataset.title) document.title = part.dataset.title;
        if (said.get(name) === part.innerHTML) continue;
        said.set(name, part.innerHTML);
        const here = live.querySelector(`[data-part="${CSS.escape(name)}"]`);
        if (here) here.replaceChildren(...part.childNodes);
      }
      over = fresh.content.querySelector("[data-done]") !== null;
      wire(live);
    };

    let wait = 3000;
    const poll = async () => {
      if (over) return;
      if (!document.hidden) {
        try {
          const answer = await fetch(live.dataset.live, { cache: "no-store", credentials: "same-origin" });
          if (!answer.ok) throw new Error(String(answer.status));
          setClock(Number(answer.headers.get("Till-Now")));
          show(await answer.text());
          wait = 3000;
        } catch { wait = Math.min(wait * 2, 30000); }
      }
      if (!over) setTimeout(poll, wait);
    };

    const listen = () => {
      const events = new EventSource(live.dataset.events);
      let heard = false, fell = false;
      const fall = () => { // to asking again and again
        if (fell) return;
        fell = true;
        events.close();
        poll();
      };
      setTimeout(() => { if (!heard) fall(); }, 8000); // something on the way keeps the stream back
      events.addEventListener("now", (e) => { heard = true; setClock(Number(e.data)); });
      events.addEventListener("page", (e) => { heard = true; show(e.data); if (over) { fell = true; events.close(); } });
      events.addEventListener("done", () => { fell = true; events.close(); });
      events.addEventListener("error", () => { if (events.readyState === EventSource.CLOSED || !heard) fall(); });
    };
    if (!over) { if (window.EventSource) listen(); else poll(); }
  }
  wire(document);
})();
