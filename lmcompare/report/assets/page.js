// Theme, sorting, highlighting of models, copying and heat maps. The page can be read without this script.
(function () {
  "use strict";
  const root = document.documentElement;
  root.classList.add("scripted");

  // The theme of the system applies until the reader chooses one, with the button or with ?theme=dark in the address.
  const asked = new URLSearchParams(location.search).get("theme");
  const stored = remembered("lmcompare-theme");
  const theme = asked || stored;
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;

  function remembered(key, value) {
    try { // storage may be forbidden, for example for local files
      if (value === undefined) return localStorage.getItem(key);
      localStorage.setItem(key, value);
    } catch (error) { /* without storage, the choice is only lost on leaving */ }
    return null;
  }

  // The address says what is shown, so that a link leads to one word under one head: #place?key=value&key=value.
  // The place is an id; the keys are those of the parts of the page that share it. All places have the models picked.
  const address = {
    pick: "",
    get place() { return decodeURIComponent(location.hash.slice(1).split("?")[0]); },
    get values() { return new URLSearchParams(location.hash.split("?")[1] ?? ""); },
    set(place, values, anew = false) { // anew: going back leads to the earlier address
      const all = new URLSearchParams(Object.entries({ ...values, pick: this.pick }).filter(([, value]) => value !== ""));
      const rest = String(all);
      try {
        history[anew ? "pushState" : "replaceState"](null, "", `#${encodeURIComponent(place)}${rest ? `?${rest}` : ""}`);
      } catch (error) { /* the address just stays as it is */ }
    },
    // Shows in a part of the page what the address says, now and when it changes by a link or by going back.
    follow(part) {
      part();
      addEventListener("hashchange", part);
    },
  };
  window.lmcompare = { address, open };

  // Opens the section and the folds that have a place.
  function open(target) {
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    for (const fold of target.closest(".inside")?.querySelectorAll(":scope > details") ?? []) fold.open = true; // of the model
    target.closest(".folded")?.querySelector(".unfold").click();
  }

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function setUpTheme() {
    const button = document.getElementById("theme");
    const say = () => { button.querySelector("span").textContent = isDark() ? "Light" : "Dark"; };
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remembered("lmcompare-theme", root.dataset.theme);
      say();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", say);
    say();
  }

  // Sorting: by data-v of the cells, numbers as numbers; rows without a value stay at the end.
  function valueOf(row, column) {
    const text = row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
    return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
  }

  function sort(table, head, ascending) {
    const column = head.cellIndex;
    const rows = Array.from(table.tBodies[0].rows);
    rows.sort((a, b) => {
      const x = valueOf(a, column), y = valueOf(b, column);
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return ascending ? order : -order;
    });
    for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    table.tBodies[0].append(...rows);
  }

  function setUpSorting() {
    for (const table of document.querySelectorAll("table.sortable")) {
      for (const head of table.querySelectorAll("thead th[data-sort]")) {
        head.querySelector("button").addEventListener("click", () => {
          const now = head.getAttribute("aria-sort"); // the best first: "more" is better in some columns
          sort(table, head, now ? now !== "ascending" : head.dataset.sort !== "more");
        });
      }
    }
  }

  // Highlighting: the chosen models keep their colours, all others fade.
  function setUpPicking() {
    const buttons = document.querySelectorAll("[data-pick]");
    const marks = document.querySelectorAll("[data-model], .m");
    const update = () => {
      const chosen = Array.from(buttons).filter((b) => b.getAttribute("aria-pressed") === "true");
      root.classList.toggle("picking", chosen.length > 0);
      const indices = new Set(chosen.map((b) => b.dataset.pick));
      const classes = new Set(chosen.map((b) => b.dataset.hue));
      for (const mark of marks) {
        const index = mark.dataset.model;
        mark.classList.toggle("chosen", index !== undefined ? indices.has(index)
          : Array.from(mark.classList).some((c) => classes.has(c)));
      }
    };
    for (const button of buttons) {
      button.dataset.hue = Array.from(button.classList).find((c) => /^m\d+$/.test(c));
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        update();
        const picked = Array.from(buttons).filter((each) => each.getAttribute("aria-pressed") === "true");
        address.pick = picked.map((each) => each.dataset.pick).join(".");
        address.set(address.place || "leaderboard", Object.fromEntries(address.values));
      });
    }
    address.follow(() => {
      const asked = address.values.get("pick");
      if (asked === null && address.pick && address.place) { // a link of the page does not change which models are picked
        address.set(address.place, Object.fromEntries(address.values));
        return;
      }
      address.pick = asked ?? "";
      for (const button of buttons) button.setAttribute("aria-pressed", String(address.pick.split(".").includes(button.dataset.pick)));
      update();
    });
  }

  // Of several findings one is shown: as run, at equal tokens, at equal seconds.
  function setUpViews() {
    const buttons = Array.from(document.querySelectorAll(".views button")), views = document.querySelectorAll(".view");
    const show = (chosen) => buttons.forEach((button, n) => {
      button.setAttribute("aria-pressed", String(n === chosen));
      views[n].hidden = n !== chosen;
    });
    buttons.forEach((button, n) => button.addEventListener("click", () => show(n)));
    if (buttons.length) show(0);
  }

  function setUpCopying() {
    for (const button of document.querySelectorAll("button.copy")) {
      button.addEventListener("click", async () => {
        const text = button.parentElement.querySelector("pre").textContent;
        try {
          await navigator.clipboard.writeText(text);
        } catch (error) { // no clipboard for a file in some browsers: select it instead
          getSelection().selectAllChildren(button.parentElement.querySelector("pre"));
          button.textContent = "Selected";
          return;
        }
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
    }
  }

  // Heat maps: a click on a small panel shows it in the table with its numbers.
  function setUpHeat() {
    for (const heat of document.querySelectorAll(".heat")) {
      const source = heat.querySelector(".heat-data");
      if (!source) continue;
      const buttons = Array.from(heat.querySelectorAll(".heat-panel"));
      const rows = heat.querySelectorAll(".heat-table tbody tr");
      // an address is that of the first map of a figure; those in its fold have none
      const title = heat.closest(".again") ? null : heat.closest("figure")?.querySelector("h4[id]");
      let data = null;
      const open = (button) => {
        data = data || JSON.parse(source.textContent);
        for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
        for (const name of heat.querySelectorAll(".heat-name")) name.textContent = button.querySelector("span").textContent;
        data.panels[Number(button.dataset.panel)].forEach((line, r) => {
          rows[r].querySelectorAll("td").forEach((cell, c) => paint(cell, line[c] ?? null, data));
        });
      };
      for (const button of buttons) {
        button.addEventListener("click", () => {
          open(button);
          if (title) address.set(title.id, { panel: button.dataset.panel });
        });
      }
      address.follow(() => {
        const asked = title && address.place === title.id && buttons[Number(address.values.get("panel") ?? -1)];
        if (asked) open(asked);
      });
    }
  }

  function paint(cell, value, { peak, places }) {
    cell.className = value === null ? "off" : value < 0 ? "cool" : "";
    cell.textContent = value === null ? "" : value.toFixed(places).replace("-", "−");
    cell.style.setProperty("--w", value === null ? "0" : String(Math.abs(value) / peak));
  }

  // Boxes that scroll can be reached by Tab, and say so; other boxes are skipped. On a phone, a table that does not fit
  // is stacked: each row is a card of figures with the names of their columns.
  function setUpScrolling() {
    const boxes = Array.from(document.querySelectorAll(".scroll[tabindex]")), phone = matchMedia("screen and (max-width: 760px)");
    const tables = new Map(boxes.map((box) => [box, box.querySelector(":scope > table:not(.gloss, .gains-table, .heat-table, .versus)")]));
    const update = (part) => { // only visible parts are measured: measuring would lay out folded parts, too
      const within = boxes.filter((box) => part.contains(box) && box.checkVisibility());
      const tooWide = () => within.filter((box) => box.scrollWidth > box.clientWidth);
      for (const box of within) tables.get(box)?.classList.remove("stacked");
      for (const box of phone.matches ? tooWide() : []) if (tables.get(box)) stack(tables.get(box));
      const wide = new Set(tooWide());
      for (const box of within) {
        box.tabIndex = wide.has(box) ? 0 : -1;
        box.classList.toggle("wide-box", wide.has(box));
      }
    };
    addEventListener("resize", () => update(document));
    document.addEventListener("toggle", (event) => update(event.target), true);
    document.addEventListener("unfolded", (event) => update(event.target));
    update(document);
  }

  function stack(table) {
    const names = Array.from(table.tHead?.rows[0].cells ?? [], (head) => {
      const copy = head.cloneNode(true);
      for (const extra of copy.querySelectorAll("svg, .what")) extra.remove();
      return copy.textContent.trim();
    });
    for (const { cells } of Array.from(table.tBodies).flatMap((body) => Array.from(body.rows))) {
      if (cells.length === names.length) for (const cell of cells) cell.dataset.label = names[cell.cellIndex];
    }
    table.classList.add("stacked");
  }

  // All fold-outs at once: for those who search the page, or print all of it.
  function setUpFolds() {
    const button = document.getElementById("unfold");
    button.hidden = !document.querySelector("details:not(.save)");
    button.addEventListener("click", () => {
      const open = button.textContent === "Open all";
      for (const fold of document.querySelectorAll("details:not(.save)")) fold.open = open;
      for (const head of document.querySelectorAll(`.unfold[aria-expanded=${!open}]`)) head.click();
      button.textContent = open ? "Close all" : "Open all";
    });
  }

  // On a phone a section is folded, and its title, which says what was found, opens it. The first one is open.
  function setUpSections() {
    if (!matchMedia("screen and (max-width: 760px)").matches) return;
    for (const section of document.querySelectorAll(".ask, main > section:not(:first-child)")) {
      const head = section.querySelector("h2"), button = document.createElement("button");
      const show = (shown) => {
        section.classList.toggle("folded", !shown);
        button.setAttribute("aria-expanded", String(shown));
        if (shown) section.dispatchEvent(new Event("unfolded", { bubbles: true })); // its tables have a width now
      };
      button.type = "button";
      button.className = "unfold";
      button.append(...Array.from(head.childNodes).filter((node) => !node.classList?.contains("anchor")));
      button.addEventListener("click", () => show(section.classList.contains("folded")));
      head.prepend(button);
      show(false);
    }
  }

  // The section on the screen is marked in the contents. A place inside a fold is opened before it is shown.
  function setUpNavigation() {
    const links = new Map(Array.from(document.querySelectorAll("nav .group > ul > li > a"), (a) => [a.hash.slice(1), a]));
    const box = document.querySelector("nav"), menu = box.querySelector(".menu");
    const unfold = (open) => {
      box.classList.toggle("open", open);
      menu.setAttribute("aria-expanded", String(open));
    };
    menu.addEventListener("click", () => unfold(!box.classList.contains("open")));
    box.addEventListener("click", (event) => { if (event.target.closest("a")) unfold(false); });
    box.addEventListener("keydown", (event) => { if (event.key === "Escape") unfold(false); });
    const watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        const link = links.get(entry.target.id);
        link.setAttribute("aria-current", "true");
        link.closest(".wrap").scrollTo({ left: link.offsetLeft - 120, behavior: "instant" });
        box.scrollTo({ top: link.offsetTop - 200, behavior: "instant" });
      }
    }, { rootMargin: "-15% 0px -75% 0px" });
    for (const id of links.keys()) watcher.observe(document.getElementById(id));
    const reveal = (moved) => {
      const target = document.getElementById(address.place);
      if (!target) return;
      const tall = root.scrollHeight;
      open(target);
      if (!moved && root.scrollHeight === tall && !location.hash.includes("?")) return; // the browser itself goes there
      const chosen = target.querySelector(".tok.now, td.now"); // which the reader has opened
      if (chosen) chosen.scrollIntoView({ block: "center" });
      else target.scrollIntoView();
    };
    addEventListener("hashchange", () => reveal(false));
    document.addEventListener("click", (event) => { // a fold that was shut again opens again
      const link = event.target instanceof Element && event.target.closest("a[href^='#']");
      if (link && link.hash === location.hash) reveal(false);
    });
    // now the scripts have changed heights; a page that is loaded again stays where it was
    addEventListener("load", () => reveal(performance.getEntriesByType("navigation")[0]?.type === "navigate"));
  }

  // A term shows its definition in place. Without this script, its link leads to the definitions.
  function setUpTerms() {
    if (!HTMLElement.prototype.showPopover) return;
    const box = document.createElement("div");
    box.className = "definition";
    box.popover = "auto";
    box.tabIndex = -1;
    box.setAttribute("role", "dialog");
    document.body.append(box);
    let top = 0; // where the page was when the definition was shown: an event of an earlier movement may come later
    addEventListener("scroll", () => { if (Math.abs(scrollY - top) > 4) box.hidePopover(); }, { passive: true });
    document.addEventListener("click", (event) => {
      const link = event.target instanceof Element && event.target.closest("a.term, a.what");
      const entry = link && document.getElementById(link.hash.slice(1));
      if (!entry || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const list = document.createElement("dl"), all = document.createElement("a");
      list.append(...Array.from(entry.children, (child) => child.cloneNode(true)));
      all.href = link.hash;
      all.textContent = "All definitions";
      all.addEventListener("click", () => box.hidePopover());
      box.replaceChildren(list, all);
      top = scrollY;
      box.setAttribute("aria-label", entry.querySelector("dt").firstChild.textContent.trim());
      box.showPopover();
      box.focus({ preventScroll: true }); // so that it is read aloud, and Tab leads to its link
      const at = link.getBoundingClientRect(), own = box.getBoundingClientRect();
      box.style.left = `${Math.max(8, Math.min(at.left, root.clientWidth - own.width - 8))}px`;
      box.style.top = `${at.bottom + own.height + 12 < innerHeight ? at.bottom + 6 : Math.max(8, at.top - own.height - 6)}px`;
    });
  }

  // On paper the folds of the results, the story, the equations and the method are open, in browsers whose style sheets can't do it too.
  function setUpPrinting() {
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = Array.from(document.querySelectorAll(":is(.top, #leaderboard, #cost, .scene, #reproduce, #definitions) details:not([open], .save), #ideas details:has(> p):not([open]), .inside > details:has(.kind-equation):not([open])"));
      for (const fold of opened) fold.classList.toggle("printed", fold.open = true);
    });
    addEventListener("afterprint", () => { for (const fold of opened) fold.classList.toggle("printed", fold.open = false); });
  }

  document.addEventListener("DOMContentLoaded", () => {
    setUpTheme();
    setUpSorting();
    setUpPicking();
    setUpViews();
    setUpCopying();
    setUpFolds();
    setUpHeat();
    setUpScrolling();
    setUpSections();
    setUpNavigation();
    setUpTerms();
    setUpPrinting();
  });
})();
