// Attention: the reader chooses a head and a word, and the page computes what the head does there, from its queries,
// keys and values. The sums are those of report/kinds/attention.py, which draws the same for one head at one word.
(function () {
  "use strict";
  const HIGH = 12, CELL = 4, READ = 3;

  function signed(value, places = 2) {
    const text = value.toFixed(places);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  }

  const percent = (weight) => (weight >= 0.005 || weight === 0 ? `${(100 * weight).toFixed(0)}%` : "< 1%");
  const total = (values) => values.reduce((sum, value) => sum + value, 0);
  const length = (values) => Math.hypot(...values);

  // Each number is stored in sixteen bits, beside the greatest absolute value.
  function unpacked([text, peak], rows) {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const all = Float64Array.from(new Int16Array(bytes.buffer), (step) => (step * peak) / 32767);
    const width = all.length / rows;
    return Array.from({ length: rows }, (_, row) => all.subarray(row * width, (row + 1) * width));
  }

  function turned(x, place, turns) {
    const half = turns.length, out = Float64Array.from(x);
    turns.forEach((turn, n) => {
      const cos = Math.cos(place * turn), sin = Math.sin(place * turn);
      out[n] = x[n] * cos - x[n + half] * sin;
      out[n + half] = x[n] * sin + x[n + half] * cos;
    });
    return out;
  }

  function softmax(scores) {
    const most = Math.max(...scores), raised = scores.map((score) => Math.exp(score - most)), sum = total(raised);
    return raised.map((each) => each / sum);
  }

  function bars(values) {
    const peak = Math.max(...values.map(Math.abs)) || 1, paths = { up: "", down: "" };
    values.forEach((value, n) => {
      const height = Math.round((10 * HIGH * Math.abs(value)) / peak) / 10;
      if (height) paths[value > 0 ? "up" : "down"] += `M${n * CELL} ${value > 0 ? HIGH - height : HIGH}h${CELL - 1}v${height}h${1 - CELL}z`;
    });
    return paths;
  }

  function setUp(box) {
    const data = JSON.parse(box.querySelector(".att-data").textContent), size = data.seen.length;
    const heads = Array.from(box.querySelectorAll(".att-heads button"));
    const words = Array.from(box.querySelectorAll(".att-words button"));
    const rows = Array.from(box.querySelectorAll(".att-scores tbody tr"));
    const names = words.map((word) => word.querySelector("bdi").textContent);
    const figure = box.closest("figure"); // a link leads to the first sentence of a figure
    const title = figure?.querySelector(".att") === box ? figure.querySelector("h4[id]") : null, address = window.lmcompare.address;
    const read = new Map(); // by head: what was unpacked
    let h = Math.max(0, heads.findIndex((head) => head.getAttribute("aria-pressed") === "true"));
    let i = words.findIndex((word) => word.getAttribute("aria-checked") === "true");
    let other = null; // the word whose products are shown; null for the one with the greatest weight

    const all = (selector, text) => { for (const each of box.querySelectorAll(selector)) each.textContent = text; };
    const terms = (q, k) => Array.from(q, (x, n) => (data.weigh.length ? data.weigh[n] * Math.tanh(x + k[n]) : x * k[n]));

    function vectors() {
      if (!read.has(h)) {
        const { q, k, v } = data.heads[h], [queries, keys, values] = [q, k, v].map((each) => unpacked(each, size));
        const [tq, tk] = [queries, keys].map((each) => each.map((x, place) => turned(x, place, data.turns)));
        read.set(h, { queries, keys, values, tq, tk });
      }
      return read.get(h);
    }

    function strip(part, values, figure) {
      const line = box.querySelector(`[data-part="${part}"]`);
      if (!line) return;
      const list = Array.from(values), paths = bars(list);
      for (const [side, path] of Object.entries(paths)) line.querySelector(`.${side}`).setAttribute("d", path);
      line.querySelector("svg").setAttribute("aria-label", `numbers from ${signed(Math.min(...list))} to ${signed(Math.max(...list))}`);
      line.querySelector("strong").textContent = signed(figure);
      box.querySelector(`[data-numbers="${part}"]`).textContent = list.map((value) => signed(value)).join("  ");
    }

    function show() {
      const head = data.heads[h], { queries, keys, values, tq, tk } = vectors(), [first, end] = data.seen[i];
      const bias = (j) => (head.bias.length ? head.bias[i - j + size - 1] : 0);
      const sums = tk.map((k) => total(terms(tq[i], k)));
      const scores = sums.map((sum, j) => data.scale * sum + bias(j));
      const weights = scores.map(() => 0), unmasked = softmax(scores);
      if (end > first) softmax(scores.slice(first, end)).forEach((weight, n) => { weights[first + n] = weight; });
      const most = end > first ? weights.indexOf(Math.max(...weights)) : i, j = other ?? most;
      const mixed = Array.from(values[0], (_, n) => total(weights.map((weight, w) => weight * values[w][n])));

      heads.forEach((button, n) => button.setAttribute("aria-pressed", String(n === h)));
      words.forEach((button, n) => {
        const seen = first <= n && n < end;
        button.setAttribute("aria-checked", String(n === i));
        button.tabIndex = n === i ? 0 : -1;
        button.classList.toggle("off", !seen);
        button.style.setProperty("--w", String(weights[n]));
        button.querySelector("small").textContent = seen ? percent(weights[n]) : "hidden";
      });
      const order = weights.map((_, n) => n).sort((a, b) => weights[b] - weights[a]).filter((n) => weights[n] > 0);
      all(".att-named", order.slice(0, READ).map((n) => `${names[n]} (${percent(weights[n])})`).join(", ") || "nothing");
      all(".att-at", names[i]);
      all(".att-other", names[j]);
      all(".att-head", head.name);
      all(".att-role", head.role ? ` (on average: ${head.role})` : "");
      if (head.lengths.length) box.querySelectorAll(".att-long").forEach((each, n) => { each.textContent = signed(head.lengths[n ? j : i][n]); });

      const products = terms(tq[i], tk[j]), part = values[j].map((value) => weights[j] * value);
      for (const [name, vector] of Object.entries({ q: queries[i], k: keys[j], tq: tq[i], tk: tk[j], v: values[j], part, mix: mixed })) strip(name, vector, length(vector));
      strip("terms", products, total(products));
      rows.forEach((row, n) => {
        const seen = first <= n && n < end;
        row.classList.toggle("off", !seen);
        row.querySelector("button").setAttribute("aria-pressed", String(n === j));
        const scaled = data.scale !== 1 || head.bias.length; // otherwise the sum is the score
        const figures = [...(scaled ? [sums[n]] : []), ...(head.bias.length ? [bias(n)] : []), scores[n]];
        const cells = Array.from(row.cells).slice(1);
        figures.forEach((figure, c) => {
          const text = cells[c].querySelector("span");
          text.textContent = signed(figure);
          text.classList.toggle("unseen", !seen);
        });
        const [weight, ...rest] = cells.slice(figures.length), last = rest.pop();
        weight.textContent = seen ? signed(weights[n], 3) : "hidden";
        weight.style.setProperty("--w", String(weights[n]));
        last.textContent = seen ? signed(weights[n] * length(values[n])) : "–";
        for (const cell of rest) { // without the mask
          cell.textContent = signed(unmasked[n], 3);
          cell.style.setProperty("--w", String(unmasked[n]));
        }
      });
      const adds = box.querySelector(".att-adds");
      if (!adds) return;
      box.querySelector(".att-effect").textContent = head.effect;
      const greatest = Math.max(...(head.adds[i] ?? []).map(([, amount]) => Math.abs(amount))) || 1;
      adds.replaceChildren(...(head.adds[i] ?? []).map(([word, amount]) => {
        const line = document.createElement("li"), name = document.createElement("bdi"), figure = document.createElement("span");
        line.className = amount < 0 ? "cool" : "";
        line.style.setProperty("--w", String(Math.abs(amount) / greatest));
        name.textContent = data.known[word];
        figure.textContent = `${amount > 0 ? "+" : ""}${signed(amount)}`;
        line.append(name, " ", figure);
        return line;
      }));
    }

    function choose(head, word, compared = null) {
      [h, i, other] = [head, word, compared];
      show();
      if (title) address.set(title.id, { panel: h, row: i, ...(other === null ? {} : { with: other }) });
    }

    heads.forEach((button, n) => button.addEventListener("click", () => choose(n, i)));
    rows.forEach((row, n) => row.querySelector("button").addEventListener("click", () => choose(h, i, n)));
    words.forEach((button, n) => {
      button.addEventListener("click", () => choose(h, n));
      button.addEventListener("keydown", (event) => {
        const to = { ArrowLeft: n - 1, ArrowUp: n - 1, ArrowRight: n + 1, ArrowDown: n + 1, Home: 0, End: size - 1 }[event.key];
        if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        const next = (to + size) % size;
        choose(h, next);
        words[next].focus();
      });
    });
    box.querySelector(".att-unmask")?.addEventListener("change", (event) => box.classList.toggle("unmasked", event.target.checked));
    if (title) address.follow(() => {
      if (address.place !== title.id || !address.values.has("row")) return;
      const asked = (key, most) => {
        const value = Number(address.values.get(key) ?? NaN);
        return Number.isInteger(value) && value >= 0 && value < most ? value : null;
      };
      [h, i, other] = [asked("panel", data.heads.length) ?? h, asked("row", size) ?? i, asked("with", size)];
      show();
    });
  }

  document.addEventListener("DOMContentLoaded", () => { for (const box of document.querySelectorAll(".att")) setUp(box); });
})();
