// The test text, token by token: colours the tokens of a passage and shows what each model expected at one of them.
(function () {
  "use strict";
  const FULL = 1600; // hundredths of a bit at which a token has its strongest colour
  const APART = 800; // the same for a difference of two models
  const INFINITE = 2 ** 31 - 1; // what is stored for infinite surprisal
  const SIGNS = { "</s>": "¶", "\n": "↵", "\t": "⇥", " ": "␣", "": "∅" };

  function visible(token) {
    if (Object.hasOwn(SIGNS, token)) return SIGNS[token];
    return token.replace(/^ +| +$/g, (blanks) => "␣".repeat(blanks.length)).replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => SIGNS[c] || (c < " " ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : c === "\u007f" ? "\u2421" : "\\u00" + c.charCodeAt(0).toString(16)))
      .replace(/[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  }

  function make(name, className, text) {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function inBits(hundredths, places = 1) {
    return (hundredths / 100).toFixed(places).replace("-", "−").replace("Infinity", "∞");
  }

  function unlimited(hundredths) {
    return hundredths === INFINITE ? Infinity : hundredths;
  }

  function difference(one, other) {
    return one === other ? 0 : one - other; // 0 also if both are infinite
  }

  function inPercent(p, most = 4) {
    const percent = 100 * p;
    if (percent < 0.0001) return "< 0.0001 %";
    return percent.toFixed(percent >= 9.95 ? 0 : percent >= 0.995 ? 1 : percent >= 0.0995 ? 2 : most) + " %";
  }

  // a probability that is stored in 1/10,000
  function inHundredths(stored) {
    return stored ? inPercent(stored / 10000, 2) : "< 0.01 %";
  }

  class Reader {
    constructor(box) {
      this.box = box;
      this.data = JSON.parse(box.querySelector(".reader-data").textContent);
      const numbers = this.data.size === 2 ? Int16Array : Int32Array;
      const unpacked = (text) => new numbers(Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)).buffer);
      for (const passage of this.data.passages) {
        passage.bits = passage.bits.map((text) => Float64Array.from(unpacked(text), unlimited));
        passage.top = passage.top.map(unpacked);
      }
      this.controls = box.querySelector("form").elements;
      this.text = box.querySelector(".passage");
      this.card = box.querySelector(".card");
      this.now = -1;
      this.marks = Array.from(box.querySelectorAll(".summary .chip"), (chip) => chip.cloneNode(true));
      for (const control of this.controls) control.addEventListener("change", () => { this.draw(control.name === "passage"); this.say(); });
      for (const kind of ["mouseover", "focusin", "click"]) {
        this.text.addEventListener(kind, (event) => {
          const token = event.target.closest(".tok");
          if (token && !(this.led && kind === "mouseover")) this.open(Number(token.dataset.i));
          if (token && kind !== "mouseover") this.say();
        });
      }
      // a token that was asked for stays open while the page moves below a pointer that stands still
      document.addEventListener("pointermove", (event) => { if (event.movementX || event.movementY) this.led = false; });
      box.addEventListener("keydown", (event) => this.onKey(event));
      box.addEventListener("show", (event) => this.show(event.detail));
      this.draw(true);
      window.lmcompare.address.follow(() => this.follow(window.lmcompare.address));
    }

    follow({ place, values }) {
      if (place !== "reader" || !Array.from(values.keys()).length) return;
      for (const control of this.controls) {
        const asked = values.get(control.name) ?? "";
        if (Array.from(control.options).some((option) => option.value === asked)) control.value = asked;
      }
      this.draw(true);
      const token = Number(values.get("token") ?? -1);
      if (!this.tokens[token]) return;
      this.open(token);
      this.led = true;
    }

    // the address leads here, to this passage, token and models
    say() {
      const values = Object.fromEntries(Array.from(this.controls, (control) => [control.name, control.value]));
      window.lmcompare.address.set("reader", { ...values, token: this.now < 0 ? "" : this.now });
    }

    get passage() {
      return this.data.passages[Number(this.controls.passage.value)];
    }

    // Of places, each a passage and a token, shows the one at which a model gains most or, if it loses, loses most.
    show({ places, model, minus, loses }) {
      const gain = ([p, i]) => (loses ? -1 : 1) * difference(this.data.passages[p].bits[minus][i], this.data.passages[p].bits[model][i]);
      const [passage, token] = places.reduce((best, place) => (gain(place) > gain(best) ? place : best));
      this.controls.passage.value = String(passage);
      this.controls.model.value = String(model);
      if (this.controls.minus) this.controls.minus.value = model === minus ? "" : String(minus);
      this.draw(true);
      this.led = true;
      this.tokens[token].focus({ preventScroll: true });
      this.tokens[token].scrollIntoView({ block: "center" });
    }

    word(i) {
      return this.data.words[this.passage.tokens[i]];
    }

    draw(anew) {
      if (anew) this.fill();
      const bits = this.passage.bits[Number(this.controls.model.value)];
      const minus = this.controls.minus ? this.controls.minus.value : "";
      const less = minus === "" ? null : this.passage.bits[Number(minus)];
      this.box.querySelector(".plain-scale").hidden = less !== null;
      this.box.querySelector(".diff-scale").hidden = less === null;
      this.tokens.forEach((token, i) => {
        const value = less ? difference(bits[i], less[i]) : bits[i];
        token.classList.toggle("cool", value < 0);
        token.style.setProperty("--w", Math.min(1, Math.abs(value) / (less ? APART : FULL)).toFixed(3));
        token.dataset.bits = inBits(value);
        token.setAttribute("aria-label", visible(this.word(i)) + ", " + inBits(value) + (less ? " bits of difference" : " bits"));
      });
      this.summarise();
      if (!anew && this.now >= 0) this.open(this.now);
    }

    fill() {
      const passage = this.passage;
      this.tokens = [];
      this.text.replaceChildren();
      this.close();
      passage.tokens.forEach((number, i) => {
        if (passage.spaced[i] === "1") this.text.append(" ");
        const unknown = passage.unknown[i] === "1";
        const token = make("span", unknown ? "tok unknown" : "tok", visible(this.data.words[number]));
        token.dataset.i = String(i);
        token.tabIndex = i === 0 ? 0 : -1; // one stop for Tab; the arrow keys go on from there
        token.setAttribute("role", "button");
        this.tokens.push(token);
        this.text.append(token);
        if (this.data.words[number] === "</s>") this.text.append(" ");
      });
    }

    summarise() {
      const line = this.box.querySelector(".summary");
      line.replaceChildren();
      this.data.models.forEach((model, m) => {
        const bits = this.passage.bits[m];
        const mean = bits.reduce((sum, b) => sum + b, 0) / bits.length;
        line.append(this.marks[m].cloneNode(true), " " + inBits(mean, 2) + (m + 1 < this.data.models.length ? ", " : ""));
      });
      line.append(" bits per " + this.box.dataset.unit + " on this passage.");
    }

    open(i) {
      if (this.now >= 0) this.tokens[this.now].classList.remove("now");
      for (const token of this.tokens) token.tabIndex = -1;
      this.now = i;
      this.tokens[i].classList.add("now");
      this.tokens[i].tabIndex = 0;
      const target = this.passage.tokens[i];
      const shut = make("button", "shut", "×");
      shut.setAttribute("aria-label", "Close");
      shut.addEventListener("click", () => this.close());
      const parts = [shut, make("h3", "", visible(this.data.words[target]))];
      const unknown = this.passage.unknown[i] === "1";
      if (unknown) parts.push(make("p", "fine", (this.passage.pieces ? "Underlined: not in the vocabulary of a model, " : "Not in the vocabulary: ") + "scored as <unk>."));
      this.data.models.forEach((model, m) => {
        const row = make("div", "card-model");
        row.style.setProperty("--c", "var(--" + this.hue(m) + ")");
        const head = make("div");
        const bits = this.passage.bits[m][i];
        const pieces = this.passage.pieces ? this.passage.pieces[m][i] : null;
        const first = pieces ? pieces[0] : target;
        const missed = pieces ? pieces[2] === 1 : unknown;
        const list = make("ol");
        const top = this.expected(m, i);
        let likely = bits === Infinity ? "0 %" : inPercent(2 ** (-bits / 100));
        for (let k = 0; k < top.length; k += 2) {
          const hit = missed ? this.data.words[top[k]] === "<unk>" : top[k] === first;
          if (hit && !pieces) likely = inHundredths(top[k + 1]); // one number, wherever it is shown: rounded bits give another
          const item = make("li", hit ? "hit" : "", visible(this.data.words[top[k]]) + " ");
          item.style.setProperty("--w", String(top[k + 1] / 10000));
          item.append(make("small", "", inHundredths(top[k + 1])));
          list.append(item);
        }
        head.append(this.marks[m].cloneNode(true), make("span", "", inBits(bits) + " bits (" + likely + ")"));
        row.append(head, ...(pieces ? [this.cut(pieces)] : []), list);
        parts.push(row);
      });
      this.card.replaceChildren(...parts);
      this.card.classList.add("open");
    }

    // the most likely tokens of a model and their probabilities, in turn; a single row is that of all places
    expected(m, i) {
      const all = this.passage.top[m], width = 2 * this.data.places, at = all.length > width ? i * width : 0;
      return all.slice(at, at + width);
    }

    // the tokens of a word, each with its bits
    cut(pieces) {
      const line = make("p", "pieces");
      for (let k = 0; k < pieces.length; k += 3) {
        const token = make("span", pieces[k + 2] ? "unknown" : "", visible(this.data.words[pieces[k]]));
        line.append(token, make("small", "", " " + inBits(unlimited(pieces[k + 1])) + (k + 3 < pieces.length ? "  " : "")));
      }
      return line;
    }

    hue(m) {
      return Array.from(this.marks[m].classList).find((c) => /^m\d+$/.test(c));
    }

    close() {
      if (this.now >= 0 && this.tokens[this.now]) this.tokens[this.now].classList.remove("now");
      this.now = -1;
      this.card.classList.remove("open");
      this.card.replaceChildren(make("p", "fine", "Point at a " + this.box.dataset.unit + ", tap it, or move to it with Tab and the arrow keys: what did each model expect there?"));
    }

    onKey(event) {
      if (event.key === "Escape") this.close();
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step || !event.target.classList.contains("tok")) return;
      event.preventDefault();
      const next = this.tokens[Number(event.target.dataset.i) + step];
      if (next) next.focus();
    }
  }

  // On a phone the card covers the page: it closes when its passage leaves the screen.
  const readers = new Map(Array.from(document.querySelectorAll(".reader"), (box) => [box, new Reader(box)]));
  // One that a link opened has not been on the screen yet when the observer first tells.
  const seen = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) seen.add(target);
      else if (seen.delete(target)) readers.get(target).close();
    }
  });
  for (const box of readers.keys()) watcher.observe(box);
})();
