// Which model to take: the best one within the limits that the sliders say, and what a better one would exceed.
(function () {
  "use strict";
  for (const box of document.querySelectorAll(".choice")) {
    const { amounts, exceeds } = JSON.parse(box.querySelector(".choice-data").textContent);
    const sliders = [...box.querySelectorAll("input")];
    const answer = box.querySelector(".choice-answer");
    const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
    const draw = () => {
      const limits = {};
      let models = amounts[amounts.length - 1];
      for (const slider of sliders) {
        const stop = slider.dataset.stops.split("|")[slider.value];
        const said = slider.name === "words" ? stop : slider.value === slider.max ? "any" : `at most ${stop}`;
        slider.parentNode.querySelector("output").textContent = said;
        slider.setAttribute("aria-valuetext", said);
        if (slider.name === "words") models = amounts[slider.value];
        else limits[slider.name] = Number(slider.value);
      }
      const over = (model) => Object.keys(limits).filter((key) => model.stops[key] > limits[key]);
      const within = models.filter((model) => !over(model).length);
      const best = within[0];
      if (!best) {
        answer.textContent = "No model is within these limits.";
        return;
      }
      const all = within.length === models.length;
      const count = all ? "the fewest of all" : within.length > 1 ? `the fewest of the ${within.length} models within these limits` : "the only model within these limits";
      let said = `${capital(best.name)}: ${best.said} bits per byte, ${count}.`;
      const better = models.find((model) => model.bits < best.bits);
      if (better) {
        const why = over(better).map((key) => `${exceeds[key]} ${better.costs[key]}`);
        said += ` ${capital(better.name)} has ${better.said}, and ${why.join(" and ")}.`;
      }
      answer.textContent = said;
    };
    for (const slider of sliders) slider.addEventListener("input", draw);
    draw();
  }
})();
