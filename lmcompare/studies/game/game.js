// Shannon's game: the reader types the next word of a passage; then the word and every model's guess are shown.
(function () {
  "use strict";

  class Game {
    constructor(box) {
      this.box = box;
      this.data = JSON.parse(box.querySelector(".game-data").textContent);
      this.form = box.querySelector("form");
      this.input = this.form.elements.guess;
      this.marks = Array.from(box.querySelectorAll(".marks .chip"));
      this.again = box.querySelector(".again-button");
      this.form.addEventListener("submit", (event) => {
        event.preventDefault();
        if (this.turn < this.data.hidden.length && this.input.value.trim()) this.guess(this.input.value.trim());
      });
      this.again.addEventListener("click", () => { this.begin(); this.input.focus(); });
      this.begin();
    }

    begin() {
      this.turn = 0;
      this.own = 0;
      this.theirs = this.marks.map(() => 0);
      this.guessed = [];
      this.again.hidden = true;
      this.input.disabled = this.form.querySelector("[type=submit]").disabled = false;
      this.say();
      this.show();
      this.count();
    }

    // the passage up to the next hidden word; those that were guessed are marked
    show() {
      const { tokens, spaced, hidden } = this.data;
      const text = this.box.querySelector(".passage");
      const over = this.turn === hidden.length;
      const end = over ? tokens.length : hidden[this.turn];
      text.replaceChildren();
      for (let i = 0; i < end; i += 1) {
        if (spaced[i] || tokens[i - 1] === "¶") text.append(" ");
        const turn = hidden.indexOf(i);
        if (turn < 0) text.append(tokens[i]);
        else text.append(this.marked(tokens[i], this.guessed[turn]));
      }
      if (!over) {
        if (spaced[end]) text.append(" ");
        text.append(this.marked("_____", null));
      }
    }

    marked(word, right) {
      const node = document.createElement("b");
      node.className = right === null ? "gap" : right ? "right" : "wrong";
      node.textContent = word;
      return node;
    }

    guess(word) {
      const { tokens, hidden, top } = this.data;
      const truth = tokens[hidden[this.turn]];
      const right = word.toLowerCase() === truth.toLowerCase();
      this.own += right ? 1 : 0;
      this.guessed.push(right);
      const said = [right ? `Right: “${truth}”.` : `It is “${truth}”.`];
      this.marks.forEach((mark, m) => {
        const hit = top[m][this.turn][0] === truth;
        this.theirs[m] += hit ? 1 : 0;
        const place = top[m][this.turn].indexOf(truth);
        said.push([mark, hit ? " right" : ` “${top[m][this.turn][0]}”` + (place > 0 ? ` (the word was its guess ${place + 1})` : "")]);
      });
      this.turn += 1;
      this.input.value = "";
      this.say(said);
      this.show();
      this.count();
      if (this.turn === hidden.length) {
        this.input.disabled = this.form.querySelector("[type=submit]").disabled = true;
        this.again.hidden = false;
        this.again.focus();
      }
    }

    say(parts = []) {
      const line = this.box.querySelector(".said");
      line.replaceChildren();
      parts.forEach((part, i) => {
        if (i === 0) line.append(part);
        else line.append(i === 1 ? " The models: " : ", ", part[0].cloneNode(true), part[1]);
      });
      if (parts.length) line.append(".");
    }

    count() {
      const line = this.box.querySelector(".score");
      line.replaceChildren(`After ${this.turn} of ${this.data.hidden.length} words, guessed right: you ${this.own}`);
      this.marks.forEach((mark, m) => line.append(", ", mark.cloneNode(true), ` ${this.theirs[m]}`));
      line.append(".");
    }
  }

  for (const box of document.querySelectorAll(".game")) new Game(box);
})();
