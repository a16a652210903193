// Charts: the values of all lines at the x that a reader points at, between two points those of the straight line
// through them, and a menu that saves picture and numbers.
(function () {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const DRAWN = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "stroke-linecap", "opacity",
    "paint-order", "font-family", "font-size", "font-weight", "display"];

  function make(name, className, text) {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function tidy(value) {
    const text = Math.abs(value) >= 10000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
    return text.replace("-", "−");
  }

  // ---- saving

  function download(name, type, parts) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(parts instanceof Blob ? parts : new Blob([parts], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // A text that a spreadsheet would take for a formula is kept a text.
  function csv(rows) {
    const cell = (value) => {
      if (value === null || value === undefined) return "";
      const text = typeof value === "string" && /^[=+@\t\r-]/.test(value) ? "'" + value : String(value);
      return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
    };
    return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  }

  function tableOf(numbers) {
    const rows = [["name", ...numbers.columns]];
    for (const [name, , ...columns] of numbers.series) columns[0].forEach((_, i) => rows.push([name, ...columns.map((c) => c[i])]));
    return rows;
  }

  // The drawing as a file of its own, with the colours that it has now.
  function standalone(svg) {
    const copy = svg.cloneNode(true);
    const own = [svg, ...svg.querySelectorAll("*")], all = [copy, ...copy.querySelectorAll("*")];
    own.forEach((node, i) => {
      const style = getComputedStyle(node);
      all[i].removeAttribute("class");
      all[i].removeAttribute("style");
      for (const name of DRAWN) if (style.getPropertyValue(name)) all[i].setAttribute(name, style.getPropertyValue(name));
    });
    for (const extra of copy.querySelectorAll("[data-cross]")) extra.remove();
    for (const name of ["data-numbers", "tabindex"]) copy.removeAttribute(name);
    const { width, height } = svg.viewBox.baseVal, paper = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ width, height, fill: getComputedStyle(document.body).backgroundColor })) paper.setAttribute(name, value);
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    copy.prepend(paper);
    return new XMLSerializer().serializeToString(copy);
  }

  function savePng(svg, name) {
    const { width, height } = svg.viewBox.baseVal, picture = new Image();
    picture.addEventListener("load", () => {
      const canvas = document.createElement("canvas");
      canvas.width = 3 * width;
      canvas.height = 3 * height;
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => download(name, "image/png", blob));
    });
    picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(standalone(svg));
  }

  function addMenu(svg, numbers) {
    const label = svg.getAttribute("aria-label");
    const name = label.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "chart";
    const menu = make("details", "save"), head = make("summary", "", "Save"), list = make("div");
    head.setAttribute("aria-label", `Save: ${label}`);
    const kinds = {
      SVG: () => download(`${name}.svg`, "image/svg+xml", standalone(svg)),
      PNG: () => savePng(svg, `${name}.png`),
      CSV: () => download(`${name}.csv`, "text/csv", csv(tableOf(numbers))),
    };
    for (const [kind, save] of Object.entries(kinds)) {
      const button = make("button", "", kind);
      button.type = "button";
      button.addEventListener("click", () => {
        save();
        menu.open = false;
        head.focus();
      });
      list.append(button);
    }
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      head.focus();
    });
    menu.append(head, list);
    const box = make("div", "figure-box");
    box.style.maxWidth = svg.style.maxWidth;
    svg.before(box);
    box.append(svg, menu);
  }

  // ---- the values at one x

  const scaled = ([low, high, first, last, log], value) => {
    const [a, b, v] = log ? [low, high, value].map(Math.log) : [low, high, value];
    return first + (last - first) * ((v - a) / (b - a));
  };

  class Crosshair {
    constructor(svg, numbers, tip) {
      Object.assign(this, { svg, numbers, tip });
      const [x, y] = numbers.scales;
      this.lines = numbers.series.map(([name, hue, xs, ys]) => ({
        name, hue, points: xs.map((value, i) => [value, ys[i]]).filter(([a, b]) => a !== null && b !== null)
          .map(([a, b]) => ({ a, b, x: scaled(x, a), y: scaled(y, b) })).sort((one, other) => one.x - other.x),
      })).filter((line) => line.points.length);
      this.stops = [...new Set(this.lines.flatMap((line) => line.points.map((point) => point.x)))].sort((a, b) => a - b);
      [this.right, this.top] = [x[3], Math.min(y[2], y[3])];
      this.bottom = Math.max(y[2], y[3]);
      this.logarithmic = y[4];
      for (const title of svg.querySelectorAll("title")) title.remove(); // the browser would show it beside the values
      svg.tabIndex = 0;
      svg.setAttribute("aria-description", "The arrow keys step through the values.");
      svg.addEventListener("pointermove", (event) => this.point(event));
      svg.addEventListener("pointerdown", (event) => this.point(event));
      svg.addEventListener("pointerleave", () => this.hide());
      svg.addEventListener("blur", () => this.hide());
      svg.addEventListener("keydown", (event) => this.step(event));
    }

    point(event) {
      const box = this.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * this.svg.viewBox.baseVal.width;
      if (x > this.right + 12) this.hide(); // over the names
      else this.show(this.nearest(x));
    }

    nearest(x) {
      let best = 0;
      this.stops.forEach((stop, i) => { if (Math.abs(stop - x) < Math.abs(this.stops[best] - x)) best = i; });
      return best;
    }

    step(event) {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") this.hide();
      if (!move && event.key !== "Home" && event.key !== "End") return;
      event.preventDefault();
      const last = this.stops.length - 1;
      const next = event.key === "Home" ? 0 : event.key === "End" ? last : this.at === undefined ? (move > 0 ? 0 : last) : this.at + move;
      this.show(Math.min(last, Math.max(0, next)));
      this.tip.say(this.text);
    }

    show(at) {
      this.at = at;
      const x = this.stops[at], found = [];
      for (const { name, hue, points } of this.lines) {
        const next = points.findIndex((point) => point.x >= x - 1e-6), [one, other] = [points[Math.max(0, next - 1)], points[next]];
        if (next < 0 || x < points[0].x - 1e-6) continue; // the line has not begun, or has ended
        const part = other.x > one.x ? Math.min(1, (x - one.x) / (other.x - one.x)) : 1;
        const b = this.logarithmic ? one.b * (other.b / one.b) ** part : one.b + part * (other.b - one.b);
        found.push({ name, hue, x, y: one.y + part * (other.y - one.y), b });
      }
      found.sort((a, b) => a.y - b.y);
      if (this.drawn) this.drawn.remove();
      this.drawn = document.createElementNS(SVG, "g");
      this.drawn.setAttribute("data-cross", "");
      const draw = (name, attributes) => {
        const node = document.createElementNS(SVG, name);
        for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
        this.drawn.append(node);
      };
      draw("line", { x1: x, x2: x, y1: this.top, y2: this.bottom, class: "cross" });
      for (const one of found) draw("circle", { cx: one.x, cy: one.y, r: 3.5, class: `here ${one.hue}` });
      this.svg.append(this.drawn);
      const exact = this.lines.flatMap((line) => line.points).find((point) => point.x === x);
      const head = `${this.numbers.columns[0]}: ${tidy(exact.a)}`;
      this.text = `${head}. ` + found.map((one) => `${one.name}: ${tidy(one.b)}`).join(", ");
      const box = this.svg.getBoundingClientRect(), k = box.width / this.svg.viewBox.baseVal.width;
      this.tip.show(head, found.map((one) => [one.name, tidy(one.b)]), box.left + k * x, box.top + k * this.top);
    }

    hide() {
      if (this.drawn) this.drawn.remove();
      this.at = this.drawn = undefined;
      this.tip.hide();
      this.tip.say("");
    }
  }

  // One box for all charts, and what is read aloud to those who step by keyboard.
  class Tip {
    constructor() {
      this.box = make("div", "tip");
      this.box.hidden = true;
      this.box.setAttribute("aria-hidden", "true"); // the tables contain the same text
      this.aloud = make("div", "out");
      this.aloud.setAttribute("role", "status");
      document.body.append(this.box, this.aloud);
    }

    say(text) {
      this.aloud.textContent = text;
    }

    // Shows a text with rows of names and values beside a line, or above what has that box.
    show(text, rows, x, y, width = 0, height = 0) {
      const table = make("table");
      for (const [name, value] of rows) {
        const row = table.insertRow();
        row.append(make("th", "", name));
        row.insertCell().textContent = value;
      }
      this.box.replaceChildren(make("div", "", text), ...(rows.length ? [table] : []));
      this.box.hidden = false;
      const own = this.box.getBoundingClientRect(), room = document.documentElement.clientWidth - 8;
      const above = y - own.height - 8, beside = x + 14 + own.width < room ? x + 14 : x - 14 - own.width;
      const left = rows.length ? beside : x + width / 2 - own.width / 2;
      const top = rows.length ? y : above > 0 ? above : y + height + 8;
      this.box.style.left = `${Math.max(8, Math.min(left, room - own.width))}px`;
      this.box.style.top = `${Math.max(8, Math.min(top, innerHeight - own.height - 8))}px`;
    }

    hide() {
      this.box.hidden = true;
    }
  }

  // A mark shows its tooltip, and a click on it highlights its model, as the button does. A cell of a heat map says
  // its row and column.
  function setUpPointer(tip) {
    const markAt = (node) => node instanceof Element && node.closest(".chart .mark");
    const said = (mark) => {
      const title = mark.querySelector("title");
      if (title) { // otherwise the browser shows it again
        mark.dataset.tip = title.textContent;
        title.remove();
      }
      return mark.dataset.tip;
    };
    const inHeat = (cell) => {
      const column = cell.closest("table").tHead.rows[0].cells[cell.cellIndex].textContent;
      return `${cell.parentElement.cells[0].textContent}, ${column}: ${cell.textContent}`;
    };
    let shown = null;
    const show = (node) => {
      if (node instanceof Element && node.closest(".chart[tabindex]")) return; // it shows the values of all its lines
      const mark = markAt(node), cell = node instanceof Element && node.closest(".heat-table td:not(.off)");
      shown = mark || (cell && cell.textContent ? cell : null);
      const text = shown && (shown === mark ? said(mark) : inHeat(cell));
      if (!text) return tip.hide();
      const { left, top, width, height } = shown.getBoundingClientRect();
      tip.show(text, [], left, top, width, height);
    };
    document.addEventListener("pointerover", (event) => show(event.target));
    addEventListener("scroll", () => show(shown && shown.matches(":hover") ? shown : null), { passive: true });
    document.addEventListener("click", (event) => {
      const mark = markAt(event.target);
      const button = mark && mark.dataset.model && document.querySelector(`[data-pick="${mark.dataset.model}"]`);
      if (button) button.click();
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    const tip = new Tip();
    setUpPointer(tip);
    for (const svg of document.querySelectorAll(".chart[data-numbers]")) {
      const numbers = JSON.parse(svg.dataset.numbers);
      addMenu(svg, numbers);
      if (numbers.scales.length === 2) new Crosshair(svg, numbers, tip);
    }
    document.addEventListener("save-table", (event) => download(`${event.detail.name}.csv`, "text/csv", csv(event.detail.rows)));
  });
})();
