// Type your own text: every model colours its tokens by surprisal and shows its most likely next words.
(function () {
  "use strict";
  const FULL = 16; // bits at which a token has its strongest colour
  const LONGEST = 500; // characters of a text in the address
  const MOST_UNKNOWN = 0.3; // of the tokens, as in analysis/leaderboard.py
  const PAUSE = 120; // milliseconds after the last key until the models are asked

  function make(name, className, text) {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function inPercent(p) {
    return p >= 0.0995 ? `${(100 * p).toFixed(0)} %` : p >= 0.00995 ? `${(100 * p).toFixed(1)} %` : `${(100 * p).toFixed(2)} %`;
  }

  // A token in the form in which report/tokens.py prints it
  function signs(token) {
    if (token === "</s>") return "¶";
    return token.replace(/^ +| +$/g, (blanks) => "␣".repeat(blanks.length)).replaceAll("\n", "↵").replaceAll("\t", "⇥");
  }

  // A part of a character can't be typed, nor what is unknown, nor the end of a document.
  function canBeTyped(token, covers) {
    if (covers === "words") return true;
    return !/^(<unk>|(<0x[0-9A-F]{2}>)+′*)$/.test(token) && !(token === "</s>" && covers === "documents");
  }

  function unknownIn(tokens) { return tokens.filter((token) => token.unknown).length; }

  // The bits of a text; NaN where they say little of it, since too many of its tokens are guessed as unknown
  function totalOf({ bits, tokens }) {
    return unknownIn(tokens) > MOST_UNKNOWN * tokens.length ? NaN : bits.reduce((sum, b) => sum + b, 0);
  }

  // Each answer of the worker has the number of its question.
  class Engine {
    constructor(source) {
      this.worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
      this.open = new Map();
      this.last = 0;
      this.worker.onmessage = ({ data }) => {
        const { resolve, reject } = this.open.get(data.id);
        this.open.delete(data.id);
        if (data.error) reject(new Error(data.error)); else resolve(data.result);
      };
    }

    ask(type, rest) {
      this.last += 1;
      const id = this.last;
      return new Promise((resolve, reject) => {
        this.open.set(id, { resolve, reject });
        this.worker.postMessage({ id, type, ...rest });
      });
    }
  }

  // The same questions, to the server that the page comes from.
  class Server {
    async ask(type, { arguments: [text] = [] }) {
      if (type === "open") return [];
      return (await this.post(type, JSON.stringify({ text }))).json();
    }

    async post(type, body) {
      const answer = await fetch(`api/${type}`, { method: "POST", body });
      if (!answer.ok) throw new Error(await answer.text());
      return answer;
    }
  }

  function filled(table, rows) {
    table.hidden = rows.length === 0;
    table.tBodies[0].replaceChildren(...rows.map(([mark, ...cells]) => {
      const row = document.createElement("tr"), head = document.createElement("th");
      head.scope = "row";
      head.append(mark.cloneNode(true));
      row.append(head, ...cells.map((text) => make("td", "n", text)));
      return row;
    }));
  }

  function perplexity(bits) {
    const value = 2 ** bits;
    return value < 1000 ? value.toPrecision(3) : Math.round(value).toLocaleString("en");
  }

  class Live {
    constructor(box) {
      this.box = box;
      this.field = box.querySelector("textarea");
      this.rows = Array.from(box.querySelectorAll(".live-model"));
      this.state = box.querySelector(".live-state");
      this.asked = 0;
      const { address } = window.lmcompare;
      address.follow(() => {
        const asked = address.place === "live" ? address.values.get("text") : null;
        if (asked === null || asked === this.field.value) return;
        this.field.value = asked;
        this.show();
      });
      this.field.addEventListener("input", () => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => {
          this.show();
          this.keep();
        }, PAUSE);
      });
      // the models are made when the reader comes near
      const watcher = new IntersectionObserver((entries) => {
        if (entries.some((entry) => entry.isIntersecting)) { watcher.disconnect(); this.begin(); }
      }, { rootMargin: "600px" });
      watcher.observe(box);
    }

    keep() { window.lmcompare.address.set("live", { text: this.field.value.slice(0, LONGEST) }); }

    async begin() {
      this.state.textContent = "The models are being prepared …";
      this.data = JSON.parse(this.box.querySelector(".live-data").textContent);
      this.engine = this.data.served ? new Server() : new Engine(this.data.engine);
      this.marks = this.rows.map((row) => row.querySelector(".chip"));
      this.setUpOther();
      if (this.data.served) this.setUpServer();
      try {
        this.traced = await this.engine.ask("open", { data: this.data });
        this.ready = true;
        await this.show();
      } catch (error) {
        this.state.textContent = `This browser can't run the models here (${error.message}).`;
      }
    }

    ask(type, ...rest) { return this.engine.ask(type, { arguments: rest }); }

    async score(text) {
      const found = await this.ask("score", text);
      for (const answer of found.each) {
        answer.bits = answer.bits.map((bits) => bits ?? Infinity); // JSON has no infinity
        answer.perByte = answer.bits_per_byte?.toFixed(2) ?? "–";
      }
      return found;
    }

    async show() {
      if (!this.ready) return; // the text is scored when the models are ready
      const text = this.field.value;
      this.asked += 1;
      const number = this.asked;
      let found;
      try {
        found = await this.score(text);
      } catch (error) {
        this.own = null;
        this.state.textContent = `No answer: ${error.message}.`;
        return;
      }
      if (number !== this.asked) return; // the reader has typed on
      found.each.forEach((answer, m) => this.fill(this.rows[m], answer, m, text));
      this.own = found.each.map(totalOf);
      const shown = this.own.map((total, m) => [total, total / found.each[m].bits.length]);
      filled(this.box.querySelector(".live-totals"), text && found.each[0].bits.length ? shown.map(([total, each], m) => [this.marks[m], found.each[m].perByte, ...(Number.isNaN(total) ? ["–", "–", "–"] : [total.toFixed(1), each.toFixed(2), perplexity(each)])]) : []);
      const [{ tokens }] = found.each, unknown = unknownIn(tokens);
      this.state.textContent = unknown ? `${unknown} of ${tokens.length} tokens ${unknown === 1 ? "is" : "are"} unknown (underlined).` : "";
      if (this.own.some(Number.isNaN)) this.state.textContent += " A model of words guesses that a word is unknown, and not which word it is. So for this text only the bits per byte are shown, which also charge the letters of unknown words.";
      await this.compare();
      this.box.dataset.shown = text;
    }

    // another text beside the first: which of the two does each model find more likely?
    setUpOther() {
      this.other = this.box.querySelector(".live-other textarea");
      this.other.addEventListener("input", () => {
        clearTimeout(this.otherTimer);
        this.otherTimer = setTimeout(() => this.compare(), PAUSE);
      });
    }

    async compare() {
      const text = this.other.value, table = this.box.querySelector(".live-other table");
      if (!this.ready) return;
      if (!text || !this.own) { filled(table, []); return; }
      if (this.compared !== text) { // otherwise only the first text has changed
        try {
          [this.found, this.compared] = [await this.score(text), text];
        } catch (error) {
          filled(table, []);
          this.state.textContent = `No answer for the other text: ${error.message}.`;
          return;
        }
      }
      if (text !== this.other.value || !this.own) return;
      filled(table, this.found.each.map((answer, m) => {
        const total = totalOf(answer), more = Math.round(10 * (total - this.own[m])) / 10;
        if (Number.isNaN(more)) return [this.marks[m], "–", "–", "–"];
        return [this.marks[m], this.own[m].toFixed(1), total.toFixed(1), `${more > 0 ? "+" : more < 0 ? "−" : ""}${Math.abs(more).toFixed(1)}`];
      }));
    }

    // what only a server does: continuations by the whole model, and files
    setUpServer() {
      const sliders = this.box.querySelectorAll(".live-draws input");
      for (const slider of sliders) slider.addEventListener("input", () => { slider.nextElementSibling.value = slider.value; });
      this.rows.forEach((row, m) => row.querySelector(".go-on").addEventListener("click", () => this.goOn(row, m, sliders)));
      this.box.querySelector(".live-file input").addEventListener("change", async (event) => {
        const [file] = event.target.files, table = this.box.querySelector(".live-file table");
        if (!file) return;
        this.state.textContent = `Scoring ${file.name} …`;
        try {
          const rows = await (await this.engine.post("measure", await file.arrayBuffer())).json();
          filled(table, rows.map((one, m) => [this.marks[m], one.bits_per_byte === null ? "–" : one.bits_per_byte.toFixed(3), one.tokens.toLocaleString("en"), one.unknown.toLocaleString("en")]));
          this.state.textContent = "";
        } catch (error) {
          this.state.textContent = `${file.name} can't be scored: ${error.message}.`;
        }
      });
    }

    async goOn(row, m, sliders) {
      const place = row.querySelector(".drawn"), button = row.querySelector(".go-on");
      const asked = Object.fromEntries(Array.from(sliders, (slider) => [slider.name, Number(slider.value)]));
      this.draws = (this.draws ?? 0) + 1;
      place.textContent = "";
      button.disabled = true;
      try {
        const body = JSON.stringify({ ...asked, text: this.field.value, model: this.data.models[m].id, seed: this.draws });
        const reader = (await this.engine.post("continue", body)).body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          const lines = (rest + part.value).split("\n");
          rest = lines.pop();
          for (const line of lines) {
            const said = JSON.parse(line);
            if (said.error) throw new Error(said.error);
            place.textContent += said.text.replaceAll("\n", " ¶ ");
          }
        }
      } catch (error) {
        place.textContent += ` (${error.message})`;
      }
      button.disabled = false;
    }

    fill(row, { tokens, bits, next, covers }, m, text) {
      const line = row.querySelector(".passage");
      line.replaceChildren();
      tokens.forEach((token, i) => {
        if (token.spaced) line.append(" ");
        const node = make("span", token.unknown ? "tok unknown" : "tok", token.text === "</s>" ? "¶" : token.text.replaceAll("\n", "↵\n"));
        node.style.setProperty("--w", Math.min(1, (bits[i] ?? 0) / FULL).toFixed(3));
        node.title = bits[i] === undefined ? "cannot be scored" : `${bits[i].toFixed(1)} bits`;
        line.append(node);
        if (token.text === "</s>") line.append(" ");
      });
      const total = bits.reduce((sum, b) => sum + b, 0);
      row.querySelector(".total").textContent = bits.length ? `${total.toFixed(1)} bits, ${(total / bits.length).toFixed(2)} per token` : "";
      const list = row.querySelector(".next-words");
      list.replaceChildren(...next.map(([word, p]) => this.bar(row, word, p, covers, m, text)));
      row.querySelector(".evidence").replaceChildren();
    }

    bar(row, word, p, covers, m, text) {
      const item = make("li");
      item.style.setProperty("--w", String(p));
      const guess = make(canBeTyped(word, covers) ? "button" : "span", "", signs(word));
      if (guess.localName === "button") {
        guess.type = "button";
        guess.title = "Append it";
        guess.addEventListener("click", () => this.append(word, covers));
      }
      item.append(guess, make("small", "", inPercent(p)));
      if (this.traced[m]) {
        const why = make("button", "why", "why?");
        why.type = "button";
        why.setAttribute("aria-label", `Why “${signs(word)}”?`);
        why.addEventListener("click", async () => this.trace(row, await this.ask("evidence", m, text, word), word, covers));
        item.append(why);
      }
      return item;
    }

    append(word, covers) {
      const text = this.field.value;
      if (word === "</s>") this.field.value = `${text.replace(/ +$/, "")}\n`;
      else if (covers !== "words") this.field.value = text + word;
      else this.field.value = text + (/^[,.;:!?)\]}]|^['’]/.test(word) || /\s$/.test(text) || !text ? "" : " ") + word;
      this.show();
      this.keep();
    }

    // the sentences of the training text from which a guess comes
    trace(row, found, word, covers) {
      const [between, one] = covers === "words" ? [" ", "word"] : ["", "token"];
      const place = row.querySelector(".evidence");
      const times = found.times === 1 ? "once" : `${found.times.toLocaleString("en")} times`;
      const [first] = found.sentences;
      const phrase = first ? first.words.slice(first.from, first.from + found.words).join(between) : word;
      const after = found.words > 1 ? "" : `, but never after the ${one} before it`;
      const what = `“${signs(phrase)}” occurs ${times} in the training text${after}`;
      const list = make("ul");
      for (const { words, from, more, document: number } of found.sentences) {
        const item = make("li", "", more[0] ? "… " : "");
        words.forEach((token, i) => {
          const hit = i >= from && i < from + found.words;
          item.append(hit ? make("b", "", token) : token, between);
        });
        item.append(more[1] ? " … " : " ", make("small", "", `from “${this.data.text.titles[number]}”`));
        list.append(item);
      }
      place.replaceChildren(make("p", "fine", `${what}${found.sentences.length < found.times ? ", for example:" : ":"}`), list);
    }
  }

  for (const box of document.querySelectorAll(".live")) new Live(box);
})();
