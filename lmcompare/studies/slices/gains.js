// What each model saves by kind of token: another baseline, and a token of a group in the reader.
(function () {
  "use strict";
  const data = (box) => JSON.parse(box.closest("section").querySelector(".gains-data").textContent);
  const reader = document.querySelector(".reader");

  function decimals(value, places) {
    const text = Math.abs(value).toFixed(places);
    const grouped = text.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
    return value < 0 && /[1-9]/.test(text) ? "−" + grouped : grouped;
  }

  function signed(value, places) {
    const text = decimals(value, places);
    return value > 0 && /[1-9]/.test(text) ? "+" + text : text;
  }

  function ends(value, reach, places) {
    return reach === null ? "" : ` (${decimals(value - reach, places)} to ${decimals(value + reach, places)})`;
  }

  class Gains {
    constructor(box) {
      this.data = data(box);
      this.rows = Array.from(box.querySelectorAll(".gains-table tbody tr:not(.asked)"), (row) => Array.from(row.cells).slice(2));
      this.details = Array.from(box.querySelectorAll(".gains-details tbody tr:not(.asked)"), (row) => Array.from(row.cells).slice(2));
      const section = this.section = box.closest("section");
      this.choice = section.querySelector("[name=baseline]");
      this.name = section.querySelector(".own-name");
      this.pair = new Map(this.data.pairs.map(([i, j], k) => [`${i},${j}`, k]));
      const { address } = window.lmcompare;
      this.choice.addEventListener("change", () => {
        address.set(section.id, { baseline: this.choice.value });
        this.draw();
      });
      section.querySelector("[name=save]").addEventListener("click", () => this.save());
      box.addEventListener("click", (event) => this.open(event));
      box.addEventListener("keydown", (event) => this.step(event));
      box.addEventListener("focusin", (event) => this.hold(event.target));
      address.follow(() => {
        const values = address.place === section.id ? address.values : new URLSearchParams();
        const asked = values.get("baseline"), [r, m] = (values.get("cell") ?? "").split(".");
        if (Array.from(this.choice.options).some((option) => option.value === asked)) this.choice.value = asked;
        this.draw();
        this.mark(this.rows[r]?.[m]);
      });
    }

    draw() {
      const own = Number(this.choice.value);
      this.name.textContent = this.data.models[own];
      const head = this.section.querySelector("h2"), place = head.querySelector(".unfold") ?? head;
      const said = Array.from(place.childNodes).find((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
      if (said) said.data = `${this.data.titles[own] ?? this.data.untitled} `;
      this.data.rows.forEach((row, r) => {
        this.rows[r].forEach((cell, m) => this.fill(cell, this.details[r][m], row, m, own));
      });
      this.held = null;
      this.hold(this.rows.flat().map((cell) => cell.querySelector("button")).find((button) => button));
    }

    fill(cell, detail, row, m, own) {
      const figure = decimals(row.figures[m], row.places);
      let text = figure, sure = false, said = figure + ends(row.figures[m], row.reach[m], row.places);
      let note = `${this.data.models[m]}, ${row.label}: ${said} bits per ${row.unit}`;
      cell.className = "n own";
      if (m !== own) {
        const saved = row.figures[own] - row.figures[m];
        const reach = this.reach(row, own, m);
        text = signed(saved, row.places);
        said = text + ends(saved, reach, row.places);
        note = `${this.data.models[m]}, ${row.label}: ${figure} bits per ${row.unit}; saved against ${this.data.models[own]}: ${said}`;
        sure = reach !== null && Math.abs(saved) > reach;
        cell.className = `n ${saved > 0 ? "cool" : "heat"}${sure ? " sure" : ""}`;
        cell.style.setProperty("--w", Math.min(1, Math.abs(saved) / row.full).toFixed(2));
      }
      detail.textContent = said;
      cell.title = note;
      const inner = document.createElement(sure ? "strong" : "span");
      inner.textContent = text;
      if (!reader || !row.at.length) {
        cell.replaceChildren(inner);
        return;
      }
      const button = document.createElement("button");
      button.type = "button";
      button.tabIndex = -1;
      button.setAttribute("aria-label", `${note}. Show such a ${reader.dataset.unit} in the test text`);
      button.append(inner);
      cell.replaceChildren(button);
    }

    reach(row, own, m) {
      return own === m ? null : row.apart[this.pair.get(own < m ? `${own},${m}` : `${m},${own}`)];
    }

    save() {
      const own = Number(this.choice.value), around = (value, half) => (half === null ? [value, null, null] : [value, value - half, value + half]);
      const rows = [["question", "group", "model", "bits", "bits low", "bits high", `saved against ${this.data.models[own]}`, "saved low", "saved high"]];
      for (const row of this.data.rows) {
        this.data.models.forEach((name, m) => {
          const saved = around(row.figures[own] - row.figures[m], this.reach(row, own, m));
          const numbers = [...around(row.figures[m], row.reach[m]), ...(m === own ? [0, null, null] : saved)];
          rows.push([row.question, row.label, name, ...numbers.map((v) => (v === null ? v : Number(v.toFixed(5))))]);
        });
      }
      document.dispatchEvent(new CustomEvent("save-table", { detail: { name: "where-each-model-is-good", rows } }));
    }

    // The cells are one stop of Tab; the arrow keys go from cell to cell.
    hold(target) {
      if (!(target instanceof HTMLButtonElement)) return;
      if (this.held) this.held.tabIndex = -1;
      this.held = target;
      target.tabIndex = 0;
    }

    placeOf(target) {
      const cell = target instanceof Element && target.closest("td");
      const r = this.rows.findIndex((row) => row.includes(cell));
      return [r, r < 0 ? -1 : this.rows[r].indexOf(cell)];
    }

    open(event) {
      const [r, m] = this.placeOf(event.target);
      if (r < 0 || !reader || !this.data.rows[r].at.length) return;
      const { at, figures } = this.data.rows[r], own = Number(this.choice.value);
      const places = Array.from({ length: at.length / 2 }, (_, k) => [at[2 * k], at[2 * k + 1]]);
      const [model, minus] = [m, own].map((i) => this.data.inReader[i]);
      const { address, open } = window.lmcompare;
      address.set(this.section.id, { baseline: this.choice.value, cell: `${r}.${m}` });
      address.set("reader", {}, true);
      open(reader);
      reader.dispatchEvent(new CustomEvent("show", { detail: { places, model, minus, loses: figures[m] > figures[own] } }));
    }

    // the cell from which a reader went to the passage, and to which going back leads
    mark(cell) {
      if (!cell) return;
      window.lmcompare.open(cell);
      cell.classList.add("now");
      cell.querySelector("button")?.focus({ preventScroll: true });
    }

    step(event) {
      const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] || [];
      let [r, m] = this.placeOf(event.target);
      if (down === undefined || r < 0) return;
      event.preventDefault();
      for (r += down, m += right; this.rows[r] && this.rows[r][m]; r += down, m += right) {
        const next = this.rows[r][m].querySelector("button");
        if (next) {
          next.focus();
          return;
        }
      }
    }
  }

  for (const box of document.querySelectorAll(".gains")) if (box.closest("section").querySelector(".gains-data")) new Gains(box);
})();
