// The bits of an unknown word, byte by byte: see lmcompare/tokens/codelength/spelling.py
class Spelling {
  // examples: words whose characters are bytes
  constructor({ order, examples }) {
    const END = 256, BEGIN = 257;
    Object.assign(this, { order, end: END, begin: BEGIN });
    this.levels = Array.from({ length: order }, () => ({ contexts: new Map(), discount: 0 }));
    const longer = new Set(); // events after a context that is longer by one byte: each counts once
    for (const word of examples) {
      for (const [symbol, before] of this.events(word)) {
        for (let k = order - 1; k >= 0; k -= 1) {
          if (k < order - 1) {
            const event = before.slice(before.length - k - 1) + String.fromCharCode(symbol) + k;
            if (longer.has(event)) continue;
            longer.add(event);
          }
          const { contexts } = this.levels[k], context = before.slice(before.length - k);
          if (!contexts.has(context)) contexts.set(context, { total: 0, counts: new Map() });
          const seen = contexts.get(context);
          seen.total += 1;
          seen.counts.set(symbol, (seen.counts.get(symbol) ?? 0) + 1);
        }
      }
    }
    for (const level of this.levels) {
      let once = 0, twice = 0;
      for (const { counts } of level.contexts.values()) {
        for (const count of counts.values()) { if (count === 1) once += 1; else if (count === 2) twice += 1; }
      }
      level.discount = Math.min(Math.max(once / Math.max(once + 2 * twice, 1), 0.1), 0.9);
    }
  }

  // [symbol, the order - 1 symbols before it] of a word and its end
  * events(word) {
    const padded = String.fromCharCode(this.begin).repeat(this.order - 1) + word;
    for (let i = 0; i <= word.length; i += 1) {
      yield [i < word.length ? word.charCodeAt(i) : this.end, padded.slice(i, i + this.order - 1)];
    }
  }

  bits(text) {
    const word = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
    let bits = 0;
    for (const [symbol, before] of this.events(word)) {
      let p = 1 / (this.end + 1);
      for (let k = 0; k < this.order; k += 1) {
        const { contexts, discount } = this.levels[k], seen = contexts.get(before.slice(before.length - k));
        if (!seen) break;
        p = (Math.max((seen.counts.get(symbol) ?? 0) - discount, 0) + discount * seen.counts.size * p) / seen.total;
      }
      bits -= Math.log2(p);
    }
    return bits;
  }
}
