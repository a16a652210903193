// Pictures that a prompt guided: a slider chooses the strength of guidance.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll(".pictures")) {
      const slider = box.querySelector("input"), name = box.querySelector("output");
      const panels = box.querySelectorAll(".pictures-panel");
      slider.addEventListener("input", () => {
        const chosen = Number(slider.value);
        name.textContent = panels[chosen].dataset.name;
        slider.setAttribute("aria-valuetext", panels[chosen].dataset.name);
        panels.forEach((panel, i) => panel.classList.toggle("on", i === chosen));
      });
    }
  });
})();
