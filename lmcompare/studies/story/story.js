// The story: the reader guesses first, the arrow keys lead from scene to scene, ?present shows one at a time, for the
// wall, with buttons and by swiping, and a button shows the models' guesses for another order of the last words.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector(".scenes");
    if (!box) return;
    const root = document.documentElement;
    const scenes = Array.from(box.children);
    // in the presentation, each part of a scene is a picture of its own: first the drawing, then the text on it
    const parts = (scene) => [".stage .picture", ".tell .picture"].flatMap((which) => Array.from(scene.querySelectorAll(which)));
    const pictures = scenes.flatMap((scene) => [null, ...parts(scene)].map((part) => [scene, part]));
    const result = document.querySelector("header.top"); // the last picture
    pictures.push([result, null]);
    const bar = box.insertAdjacentElement("afterend", document.createElement("p"));
    bar.className = "turn";
    const button = (name, does) => {
      const made = bar.appendChild(document.createElement("button"));
      made.type = "button";
      made.textContent = name;
      made.addEventListener("click", does);
      return made;
    };
    const back = button("Back", () => step(-1)), count = bar.appendChild(document.createElement("span"));
    count.className = "count";
    const next = button("Next", () => step(1));
    button("Exit", () => present(false));
    let now = 0; // the picture

    const presented = () => root.classList.contains("presenting");

    const first = (scene) => pictures.findIndex(([other]) => other === scene);

    function show(number) {
      now = Math.max(0, Math.min(pictures.length - 1, number));
      const [scene, part] = pictures[now];
      for (const other of [...scenes, result]) {
        other.classList.toggle("now", other === scene);
        other.classList.toggle("in-part", other === scene && part !== null);
      }
      for (const [, other] of pictures) other?.classList.toggle("now", other === part);
      if (presented() && part) {
        part.open = true; // where it folds
        if (part.matches(".shuffle:not(.on)")) part.querySelector("button").click();
      }
      count.textContent = scene === result ? "the result" : `${scenes.indexOf(scene) + 1} of ${scenes.length}${part ? `, ${part.dataset.name}` : ""}`; // as in the headings
      back.disabled = now === 0;
      next.disabled = now === pictures.length - 1;
      const head = scene.querySelector("h1, h3");
      head.tabIndex = -1;
      head.focus({ preventScroll: true });
      if (presented()) fit(scene);
      else scene.scrollIntoView({ block: "center" });
    }

    function step(by) {
      if (presented()) return show(now + by);
      const to = scenes.indexOf(pictures[now][0]) + by;
      return show(first(scenes[Math.max(0, Math.min(scenes.length - 1, to))]));
    }

    // in the presentation, a scene is as large as possible without being cut
    function fit(scene) {
      const wide = () => Array.from(scene.querySelectorAll(".scroll")).some((part) => part.scrollWidth > part.clientWidth);
      for (const size of [28, 24, 20, 17, 14].slice(innerWidth > 700 ? 0 : 2)) { // few sizes, so that it seldom changes
        scene.style.fontSize = `${size}px`;
        if (root.scrollHeight <= innerHeight && !wide()) return;
      }
    }

    function present(on) {
      root.classList.toggle("presenting", on);
      for (const scene of scenes) scene.style.fontSize = "";
      const address = new URL(location.href);
      if (on) address.searchParams.set("present", "");
      else address.searchParams.delete("present");
      try { history.replaceState(null, "", address); } catch (error) { /* the address stays as it is */ }
      if (!on) box.closest(".folded")?.querySelector(".unfold").click(); // on a phone
      show(on ? now : first(pictures[now][0]));
    }

    addEventListener("keydown", (event) => {
      const within = presented() || box.contains(document.activeElement);
      if (!within || event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select, .scroll")) return;
      const steps = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };
      if (event.key in steps) {
        event.preventDefault();
        step(steps[event.key]);
      } else if (presented() && (event.key === "Home" || event.key === "End")) {
        event.preventDefault();
        show(event.key === "Home" ? 0 : pictures.length - 1);
      } else if (event.key === "Escape" && presented()) present(false);
    });
    let touched = null; // where a finger came down, but not in what scrolls sideways itself
    addEventListener("touchstart", ({ touches, target }) => {
      const scrolls = target.closest(".scroll"), still = !scrolls || scrolls.scrollWidth <= scrolls.clientWidth;
      touched = presented() && touches.length === 1 && still ? { x: touches[0].clientX, y: touches[0].clientY } : null;
    }, { passive: true });
    addEventListener("touchend", ({ changedTouches: [end] }) => {
      if (!touched) return;
      const x = end.clientX - touched.x, y = end.clientY - touched.y;
      if (Math.abs(x) > 50 && Math.abs(x) > 2 * Math.abs(y)) step(x < 0 ? 1 : -1);
      touched = null;
    }, { passive: true });
    for (const scene of scenes) scene.addEventListener("focusin", () => { if (pictures[now][0] !== scene) now = first(scene); });
    for (const head of box.querySelectorAll("h3")) head.tabIndex = -1;
    for (const shuffle of box.querySelectorAll(".shuffle")) {
      const order = shuffle.querySelector("button");
      order.addEventListener("click", () => {
        order.setAttribute("aria-expanded", String(shuffle.classList.toggle("on")));
        again();
      });
    }
    const again = () => { if (presented()) fit(pictures[now][0]); };
    addEventListener("resize", again);
    box.addEventListener("toggle", again, true);
    const form = box.querySelector(".guess");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const own = form.guess.value.trim(), fold = form.nextElementSibling;
      if (!own) return;
      const right = own.toLowerCase() === form.dataset.word.toLowerCase();
      form.querySelector("span").textContent = right ? "✓ Right." : `✗ Not “${own}”.`;
      fold.open = true;
      if (presented()) form.guess.blur(); // the arrow keys lead on
      else fold.querySelector("summary").focus();
    });
    document.querySelector("#story .present").addEventListener("click", () => present(true));
    if (new URLSearchParams(location.search).has("present")) present(true);
  });
})();
