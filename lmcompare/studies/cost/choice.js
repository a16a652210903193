// Which model to take: the best one within the limits that the reader sets, and what a better one would exceed.
// A limit is set by a slider, whose stops are the costs of the models, or typed as a number with a unit.
(function () {
  "use strict";
  const { address } = window.lmcompare;
  const TIME = [["ns", 1e-9], ["µs", 1e-6], ["ms", 1e-3], ["s", 1], ["min", 60], ["h", 3600], ["d", 86400]];
  const WORDS = { second: "s", sec: "s", minute: "min", hour: "h", hr: "h", day: "d" }; // what a unit is called in words
  const BYTES = [["B", 1], ["kB", 1e3], ["MB", 1e6], ["GB", 1e9], ["TB", 1e12], ["KiB", 2 ** 10], ["MiB", 2 ** 20], ["GiB", 2 ** 30]];
  const UNITS = { // by the key of a cost: its units, how many units of the figure the unit 1 is, and what need not be typed
    processor_seconds: [TIME, 1, "s"], microseconds_per_token: [TIME, 1e6, "µs"], microseconds_per_list: [TIME, 1e6, "µs"],
    peak_memory_bytes: [BYTES, 1, "MB"], model_bytes: [BYTES, 1, "MB"],
  };
  const NEARLY = 1.2; // a network that is as good as counts after this many times the limit may be so after the limit
  const UNUSED = 1.5; // times the training time of the best model: a greater limit leaves time to train longer
  const SHOWN = 1.005; // costs are shown with three digits: a limit typed as one is shown allows that model
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  // a limit in the greatest unit that is not above it
  function written(limit, key) {
    const [units, factor] = UNITS[key], [unit, one] = units.filter(([name, each]) => !name.endsWith("iB") && each * factor <= limit).pop() ?? units[0];
    return `${Number((limit / factor / one).toPrecision(4))} ${unit}`;
  }

  // "1 min 6 s", "500 MB" or "30" as a number; Infinity for no limit, NaN for what is not one
  function read(text, key) {
    const [units, factor, usual] = UNITS[key], size = new Map(units.map(([unit, one]) => [unit.toLowerCase(), one]));
    const parts = text.trim().toLowerCase().replace(/μ|u(?=s)/, "µ").replaceAll(",", ".").replace(/[a-z]{3,}/g, (word) => WORDS[word] ?? WORDS[word.replace(/s$/, "")] ?? word);
    if (!parts || parts === "any") return Infinity;
    if (!/^(\d+\.?\d*|\.\d+)\s*[a-zµ]*(\s+\d+\.?\d*\s*[a-zµ]+)*$/.test(parts)) return NaN;
    return Array.from(parts.matchAll(/([\d.]+)\s*([a-zµ]*)/g)).reduce((sum, [, number, unit]) => sum + Number(number) * (size.get(unit || usual.toLowerCase()) ?? NaN) * factor, 0);
  }

  function setUp(box) {
    const { threads, amounts, exceeds, ahead, falling } = JSON.parse(box.querySelector(".choice-data").textContent);
    const answer = box.querySelector(".choice-answer"), text = box.querySelector("input[name=words]");
    const sliders = Array.from(box.querySelectorAll("input[type=range]")).filter((slider) => slider !== text);
    const limits = {}; // by the key of a cost: the greatest that is allowed
    const field = (key) => box.querySelector(`input[type=text][name="${key}"]`);
    const stops = (key) => Array.from(new Map(amounts.flat().map(({ costs }) => costs[key])).entries()).sort(([a], [b]) => a - b);

    function draw() {
      const wrong = sliders.map((slider) => field(slider.name)).find((typed) => typed.getAttribute("aria-invalid") === "true");
      if (wrong) {
        answer.textContent = `“${wrong.value}” is not an amount: type a number with a unit, such as “30 s” or “500 MB”.`;
        return;
      }
      if (text) text.parentNode.querySelector("output").textContent = text.dataset.stops.split("|")[text.value];
      if (text) text.setAttribute("aria-valuetext", text.dataset.stops.split("|")[text.value]);
      const models = amounts[text ? text.value : amounts.length - 1];
      const over = (model) => Object.keys(limits).filter((key) => model.costs[key][0] > SHOWN * limits[key]);
      const within = models.filter((model) => !over(model).length), best = within[0];
      if (!best) {
        const [key, limit] = Object.entries(limits).find(([each, most]) => models.every(({ costs }) => costs[each][0] > SHOWN * most)) ?? [];
        const least = key && models.reduce((a, b) => (b.costs[key][0] < a.costs[key][0] ? b : a));
        answer.textContent = least ? `No model is within ${written(limit, key)}: ${least.name} ${exceeds[key]} ${least.costs[key][1]}, and the others need more.` : "No model is within all of these limits.";
        return;
      }
      const all = within.length === models.length;
      const count = all ? "the fewest of all" : within.length > 1 ? `the fewest of the ${within.length} models within these limits` : "the only model within these limits";
      let said = `${capital(best.name)}: ${best.said} bits per byte, ${count}.`;
      if (best.top5) said += ` The token that came is among its five most likely ones in ${best.top5} of all cases.`;
      const better = models.find((model) => model.bits < best.bits);
      if (better) {
        const why = over(better).map((key) => `${exceeds[key]} ${better.costs[key][1]}`);
        said += ` ${capital(better.name)} has ${better.said}${better.top5 ? ` (${better.top5})` : ""}, but ${why.join(" and ")}.`;
      }
      const time = limits.processor_seconds ?? Infinity;
      const stopped = Object.entries(ahead).filter(([name, seconds]) => seconds <= NEARLY * time && models.some((model) => model.name === name && model.bits < best.bits && String(over(model)) === "processor_seconds"));
      const own = best.costs.processor_seconds?.[0];
      const told = (!text || text.value === text.max) && time >= 1; // the curves are of the whole text
      if (told && Number.isFinite(time) && own && time > UNUSED * own && falling.includes(best.name)) said += ` It was trained for ${best.costs.processor_seconds[1]}, and its loss was still falling: --match seconds=${Math.floor(time / threads)} trains networks for the whole time.`;
      if (told && stopped.length) said += ` On the validation text ${stopped.map(([name, seconds]) => `${name} passed the best counting model after ${written(seconds, "processor_seconds")}`).join(" and ")}: --match seconds=${Math.floor(time / threads)} trains networks for that time.`;
      answer.textContent = said;
    }

    // shows a limit in its slider, at the last stop that it allows
    function place(slider) {
      const allowed = stops(slider.name).filter(([value]) => value <= SHOWN * limits[slider.name]).length;
      slider.value = Number.isFinite(limits[slider.name]) ? Math.max(0, allowed - 1) : slider.max;
      slider.setAttribute("aria-valuetext", field(slider.name).value || "any");
    }

    function keep() {
      const set = Object.entries(limits).filter(([, limit]) => Number.isFinite(limit));
      address.set(box.id, Object.fromEntries([...set, ...(text && text.value !== text.max ? [["words", text.value]] : [])]));
    }

    for (const slider of sliders) {
      const key = slider.name, typed = field(key);
      slider.addEventListener("input", () => {
        const [value, label] = slider.value === slider.max ? [Infinity, ""] : stops(key)[slider.value];
        limits[key] = value;
        typed.value = label;
        typed.removeAttribute("aria-invalid");
        slider.setAttribute("aria-valuetext", label || "any");
        draw();
        keep();
      });
      typed.addEventListener("input", () => {
        const limit = read(typed.value, key);
        typed.setAttribute("aria-invalid", String(Number.isNaN(limit)));
        if (!Number.isNaN(limit)) { // or the earlier limit stays
          limits[key] = limit;
          place(slider);
          keep();
        }
        draw();
      });
    }
    text?.addEventListener("input", () => { draw(); keep(); });
    address.follow(() => {
      const asked = address.place === box.id ? address.values : new URLSearchParams();
      if (address.place !== box.id && Object.keys(limits).length) return; // the address leads to another place
      for (const slider of sliders) {
        const limit = Number(asked.get(slider.name) ?? Infinity);
        limits[slider.name] = limit >= 0 ? limit : Infinity;
        const stop = stops(slider.name).find(([value]) => value === limit);
        field(slider.name).value = stop ? stop[1] : Number.isFinite(limit) ? written(limit, slider.name) : "";
        place(slider);
      }
      if (text) text.value = asked.get("words") ?? text.max;
      draw();
    });
  }

  document.addEventListener("DOMContentLoaded", () => { for (const box of document.querySelectorAll(".choice")) setUp(box); });
})();
