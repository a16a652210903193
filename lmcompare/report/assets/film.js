// The film of a training: a slider moves its attention map, the words in the plane and the next words together.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    for (const film of document.querySelectorAll(".film")) {
      const { moments, at, chances } = JSON.parse(film.querySelector(".film-data").textContent);
      const slider = film.querySelector("input"), name = film.querySelector("output");
      const maps = film.querySelectorAll(".heat-panel"), words = film.querySelectorAll(".film-plane g");
      const next = film.querySelectorAll(".next li");
      // names were placed for the last moment: at another one, those that would cover one another are hidden
      const keepApart = (places) => {
        const taken = [];
        words.forEach((word, i) => {
          const name = word.querySelector("text");
          if (!name) return;
          name.style.visibility = "";
          const { x, y, width, height } = name.getBBox(), [left, top] = [x + places[i][0], y + places[i][1]];
          const covers = taken.some(([l, t, w, h]) => left < l + w + 4 && l < left + width + 4 && top < t + h && t < top + height);
          if (covers) name.style.visibility = "hidden";
          else taken.push([left, top, width, height]);
        });
      };
      const show = (moment) => {
        slider.value = moment;
        name.textContent = moments[moment];
        slider.setAttribute("aria-valuetext", moments[moment]);
        at[moment].forEach(([x, y], i) => words[i].setAttribute("transform", `translate(${x} ${y})`));
        keepApart(at[moment]);
        chances[moment].forEach(([p, said], i) => {
          next[i].style.setProperty("--w", p);
          next[i].querySelector("small").textContent = said;
        });
      };
      slider.addEventListener("input", () => (maps[slider.value] ? maps[slider.value].click() : show(Number(slider.value))));
      maps.forEach((map, moment) => map.addEventListener("click", () => show(moment)));
      const title = film.closest("figure")?.querySelector("h4[id]"), { address } = window.lmcompare;
      if (title) address.follow(() => { // the map itself follows the address, too
        const asked = Number(address.values.get("panel") ?? NaN);
        if (address.place === title.id && moments[asked] !== undefined) show(asked);
      });
    }
  });
})();
