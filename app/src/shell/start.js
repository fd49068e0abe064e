// Brings the page to life, and says in words what keeps it from that. It is in the page itself, so that it is there when
// nothing else loads. Lines that are comments stay on the server.
(() => {
  const root = () => document.getElementById("app");
  const notice = () => document.getElementById("not-alive");
  const alive = { now: false };
  let dead = false;

  // What was typed, scrolled and focused within an element; the answer puts it back into another one.
  const keep = (from) => {
    const name = (field) => [field.tagName, field.id, field.name, /^(radio|checkbox)$/.test(field.type) ? field.value : ""].join(" ");
    const place = (box) => box.id || box.tagName + box.className;
    const fields = [...from.querySelectorAll("input:not([type=hidden]), select, textarea")].map((field) => [name(field), field.value, field.checked]);
    const boxes = [...from.querySelectorAll("*")].filter((box) => box.scrollTop || box.scrollLeft).map((box) => [place(box), box.scrollTop, box.scrollLeft]);
    const open = [...from.querySelectorAll("details[open]")].map(place);
    const [left, top, active] = [scrollX, scrollY, from.contains(document.activeElement) && document.activeElement];
    const focused = active && (active.id || active.name) && [name(active), active.selectionStart, active.selectionEnd];
    return (to) => {
      const all = [...to.querySelectorAll("input, select, textarea")];
      for (const [which, value, checked] of fields) {
        const field = all.find((field) => name(field) === which);
        if (!field || (field.value === value && field.checked === checked)) continue;
        [field.value, field.checked] = [value, checked];
        for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
      }
      for (const box of to.querySelectorAll("details")) box.open ||= open.includes(place(box));
      for (const [which, down, right] of boxes) {
        const box = [...to.querySelectorAll("*")].find((box) => place(box) === which);
        if (box) [box.scrollTop, box.scrollLeft] = [down, right];
      }
      scrollTo(left, top);
      const field = focused && [...to.querySelectorAll("[id], [name]")].find((field) => name(field) === focused[0]);
      if (field) {
        field.focus({ preventScroll: true });
        if (focused[1] != null) field.setSelectionRange(focused[1], focused[2]);
      }
    };
  };

  const say = (what) => {
    const text = notice();
    text.querySelector("span").textContent = what;
    text.hidden = false;
  };

  // The page becomes what it is without scripts, and stays so: what is left of the program no longer reaches it.
  const failed = (what) => {
    if (dead) return;
    dead = true;
    const [before, back] = [root(), keep(root())];
    const after = before.cloneNode(true);
    for (const form of after.querySelectorAll("noscript")) form.outerHTML = form.textContent;
    for (const dialog of after.querySelectorAll("dialog")) dialog.removeAttribute("open");
    // What is past stays as true as it was painted: nothing of it grows old, and nothing of it can be changed.
    const past = document.body.dataset.connection === "as-of";
    for (const button of past ? [] : after.querySelectorAll("form .needs-live:disabled:not([title])")) button.disabled = false;
    for (const [where, words] of past ? [] : [[".conn b", "Stale"], [".conn .figures", ""], [".live-word", "Stopped"]]) {
      for (const word of after.querySelectorAll(where)) word.textContent = words;
    }
    if (!past) {
      for (const verdict of after.querySelectorAll(".verdict h1")) verdict.prepend("Last known: ");
      document.title = `Not live · ${document.title}`;
      const icon = document.getElementById("favicon");
      if (icon) icon.href = icon.dataset.dead;
    }
    before.replaceWith(after);
    back(after);
    document.documentElement.dataset.dead = "";
    if (past) return say(`${what} Links work.`);
    const stale = () => document.body.dataset.connection === "stale" || (document.body.dataset.connection = "stale");
    new MutationObserver(stale).observe(document.body, { attributes: true });
    stale();
    say(`${what} This page does not follow the cluster: it shows what was known before. Links and forms work.`);
  };
  for (const kind of ["click", "submit", "keydown", "input", "change"]) {
    addEventListener(kind, (event) => dead && event.stopImmediatePropagation(), true);
  }
  // Another point in time is another document: links between two are the browser's, not the router's.
  const asOf = (address) => new URL(address, location).searchParams.get("as_of");
  addEventListener("click", ({ target }) => {
    const link = target.closest?.("a[href]");
    if (link && asOf(link.href) !== asOf(location)) link.rel += " external";
  }, true);
  // The steps of the banner lead to the same page, whichever that is by now.
  const aim = ({ target }) => {
    const link = target.closest?.(".asof [data-to]");
    if (!link) return;
    const to = new URL(location);
    to.searchParams.set("as_of", link.dataset.to);
    if (!link.dataset.to) to.searchParams.delete("as_of");
    link.href = to;
  };
  for (const kind of ["pointerover", "focusin", "click"]) addEventListener(kind, aim, true);
  // What the address leads to is another page by then.
  addEventListener("popstate", () => dead && location.reload(), true);
  const crashed = (error) => error instanceof WebAssembly.RuntimeError && failed("The program of this page stopped with an error.");
  addEventListener("error", (event) => crashed(event.error));
  addEventListener("unhandledrejection", (event) => crashed(event.reason));

  globalThis.quorate = {
    keep,
    failed,
    alive() {
      alive.now = true;
      if (!dead) notice().hidden = true;
    },
    async start(js, wasm) {
      if (typeof WebAssembly !== "object") return failed("This browser does not run WebAssembly, or it is switched off.");
      const missing = (what, path) => failed(`${what} did not load (${path.split("/").pop()})${navigator.onLine ? "" : ": this browser is offline"}.`);
      setTimeout(() => alive.now || dead || say("The program of this page has not come yet. It shows what was known when it was asked for; links and forms work."), 20000);
      let module;
      try {
        module = await import(js);
      } catch (error) {
        console.info(error);
        // The script, or one that it needs.
        return missing("A script of this page", js);
      }
      try {
        await module.default({ module_or_path: wasm });
      } catch (error) {
        console.info(error);
        crashed(error) || missing("The program of this page", wasm);
      }
    },
  };
})();
