// The models of the page: cuts a text as Python does, and computes probabilities from what the page carries.
// Runs in a worker, so that the page stays quick; see live.js for what the reader sees.
"use strict";

async function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

const COVERS = { pattern: "words", char: "sentences", byte: "sentences", pieces: "documents" };

// Text to ids. A line end closes a sentence, except where pieces are cut from a whole text; the end of the text does not.
class Cutter {
  constructor(how, words, end, unknown) {
    Object.assign(this, { how, words, end, unknown });
    this.ids = new Map(words.map((word, i) => [word, i]));
    this.ids.delete(words[end]); // no text can contain it
    if (how.cut === "pieces") this.pieces = new Pieces(how.table);
    if (how.cut === "pattern") this.pattern = new RegExp(how.pattern, "gv");
  }

  // [{ text, id, spaced, unknown }], with an entry for each line end
  cut(text) {
    if (this.pieces) return this.pieces.cut(text).map((id) => ({ text: this.words[id], id, spaced: false, unknown: false }));
    const found = [];
    text.replaceAll("\r\n", "\n").split("\n").forEach((line, i) => {
      if (i) found.push({ text: "</s>", id: this.end, spaced: false, unknown: false });
      for (const [token, spaced, shown] of this.tokens(line)) {
        const id = this.ids.get(token);
        const known = id !== undefined && id !== this.unknown;
        found.push({ text: shown ?? token, id: known ? id : this.unknown, spaced, unknown: !known });
      }
    });
    return found;
  }

  * tokens(line) {
    if (this.how.cut === "char") {
      for (const c of line) yield [c, false];
    } else if (this.how.cut === "byte") {
      for (const b of new TextEncoder().encode(line)) {
        yield [b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : byteName(b), false];
      }
    } else {
      let last = 0;
      for (const match of line.matchAll(this.pattern)) {
        const word = match[0];
        const token = this.how.escapes ? word.replace(/^(<unk|<\/s)(_*)>$/, "$1$2_>") : word;
        yield [token, match.index > last, word];
        last = match.index + word.length;
      }
    }
  }
}

const AROUND = 40; // tokens before and after a phrase that are shown of a sentence or document

// The training text as a suffix array: where does a phrase occur, what follows it, what precedes it?
class Phrases {
  // ids: the training tokens; documents: where each begins; types: V, which is also the number of <s>
  constructor(ids, documents, end, types, longest) {
    Object.assign(this, { end, types, longest, documents });
    const text = new Int32Array(ids.length + documents.length + ids.reduce((n, id) => n + (id === end ? 1 : 0), 0));
    const place = new Int32Array(text.length); // of each token in the training text
    let size = 0, next = 0;
    for (let i = 0; i < ids.length; i += 1) {
      const begins = i === 0 || ids[i - 1] === end || documents[next] === i;
      while (documents[next] === i) next += 1;
      if (begins) { place[size] = i; text[size++] = types; }
      place[size] = i;
      text[size++] = ids[i];
    }
    this.text = text.subarray(0, size);
    this.place = place;
    this.sort();
    this.seen = new Int32Array(types + 1).fill(-1); // predecessors, by the number of the phrase that they were seen before
    this.phrase = 0;
    this.known = new Map();
  }

  // suffixes in the order of their first tokens: counted by the first one, then sorted by the others
  sort() {
    const { text, types, longest } = this;
    const begins = new Int32Array(types + 2);
    for (const id of text) begins[id + 1] += 1;
    for (let i = 0; i <= types; i += 1) begins[i + 1] += begins[i];
    const order = new Int32Array(text.length), free = begins.slice();
    for (let i = 0; i < text.length; i += 1) order[free[text[i]]++] = i;
    const compare = (a, b) => {
      for (let k = 1; k < longest; k += 1) {
        const x = text[a + k] ?? -1, y = text[b + k] ?? -1;
        if (x !== y) return x - y;
      }
      return a - b;
    };
    for (let id = 0; id <= types; id += 1) {
      if (begins[id + 1] - begins[id] > 1) order.subarray(begins[id], begins[id + 1]).sort(compare);
    }
    Object.assign(this, { order, begins });
  }

  // [from, to): the places in the order at which the phrase occurs
  find(phrase) {
    if (!phrase.length) return [0, this.order.length];
    const { order, text } = this;
    let from = this.begins[phrase[0]], to = this.begins[phrase[0] + 1];
    for (let k = 1; k < phrase.length && from < to; k += 1) {
      const bound = (least) => {
        let low = from, high = to;
        while (low < high) {
          const middle = (low + high) >> 1;
          if ((text[order[middle] + k] ?? -1) < least) low = middle + 1; else high = middle;
        }
        return low;
      };
      const first = bound(phrase[k]);
      [from, to] = [first, bound(phrase[k] + 1)];
    }
    return [from, to];
  }

  // What follows a phrase: { words, counts, total, few }; null if the phrase does not occur. A count is a frequency,
  // or, if `distinct`, the number of different tokens before the phrase with the word. `few`: how many counts are 1, 2, more.
  followers(phrase, distinct) {
    const key = `${distinct}:${phrase.join(",")}`;
    if (this.known.has(key)) return this.known.get(key);
    const [from, to] = this.find(phrase), { order, text, seen } = this, k = phrase.length;
    const words = [], counts = [], few = [0, 0, 0];
    let total = 0;
    for (let i = from; i < to;) {
      const word = text[order[i] + k];
      let count = 0;
      this.phrase += 1;
      for (; i < to && text[order[i] + k] === word; i += 1) {
        const before = text[order[i] - 1];
        if (distinct && seen[before] === this.phrase) continue;
        if (distinct) seen[before] = this.phrase;
        count += 1;
      }
      if (word === undefined || word === this.types) continue; // <s> is not predicted
      words.push(word);
      counts.push(count);
      total += count;
      few[Math.min(count, 3) - 1] += 1;
    }
    const found = words.length ? { words, counts, total, few, of: new Map(words.map((word, i) => [word, counts[i]])) } : null;
    this.known.set(key, found);
    return found;
  }

  // the sentence around a place in the order: the tokens of the training text, and the document
  // and whether there is more before and after
  sentence(at) {
    const hit = this.order[at];
    let first = hit, last = hit;
    while (this.text[first] !== this.types && first > hit - AROUND) first -= 1;
    while (last < this.text.length && this.text[last] !== this.end && last < hit + AROUND) last += 1;
    const more = [this.text[first] !== this.types, last < this.text.length && this.text[last] !== this.end];
    const begin = more[0] ? first : first + 1, place = this.place[hit];
    let document = 0;
    while (document + 1 < this.documents.length && this.documents[document + 1] <= place) document += 1;
    return { ids: Array.from(this.text.subarray(begin, last)), from: hit - begin, more, document };
  }
}

// Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999), as the n-gram model of lmcompare estimates it
class KneserNey {
  constructor({ order, discounts }, page) {
    Object.assign(this, { order, discounts, phrases: page.phrases, types: page.words.length });
  }

  contexts(before) {
    const known = before.slice(before.lastIndexOf(this.phrases.end) + 1);
    const sentence = [this.types, ...known].slice(-(this.order - 1) || before.length + 1);
    const found = [];
    for (let k = 0; k <= Math.min(this.order - 1, sentence.length); k += 1) {
      const context = sentence.slice(sentence.length - k);
      const followers = this.phrases.followers(context, k + 1 < this.order && context[0] !== this.types);
      if (!followers) break;
      const [d1, d2, d3] = this.discounts[k], [n1, n2, n3] = followers.few;
      found.push({ followers, taken: [0, d1, d2, d3], left: (d1 * n1 + d2 * n2 + d3 * n3) / followers.total });
    }
    return found;
  }

  probability(before, word) {
    let p = 1 / this.types;
    for (const { followers, taken, left } of this.contexts(before)) {
      const count = followers.of.get(word) ?? 0;
      p = (count - taken[Math.min(count, 3)]) / followers.total + left * p;
    }
    return p;
  }

  distribution(before) {
    const p = new Float64Array(this.types).fill(1 / this.types);
    for (const { followers, taken, left } of this.contexts(before)) {
      for (let i = 0; i < p.length; i += 1) p[i] *= left;
      followers.words.forEach((word, i) => {
        const count = followers.counts[i];
        p[word] += (count - taken[Math.min(count, 3)]) / followers.total;
      });
    }
    return p;
  }

  // where the longest part of the context that was seen before the word occurs in the training text
  evidence(before, word) {
    const known = before.slice(before.lastIndexOf(this.phrases.end) + 1);
    for (let k = Math.min(this.order - 1, known.length); k >= 0; k -= 1) {
      const [from, to] = this.phrases.find([...known.slice(known.length - k), word]);
      if (from < to) {
        const shown = [];
        for (let i = from; i < to && shown.length < 5; i += Math.max(1, Math.floor((to - from) / 5))) shown.push(this.phrases.sentence(i));
        return { words: k + 1, times: to - from, sentences: shown };
      }
    }
    return { words: 0, times: 0, sentences: [] };
  }
}

// Relative frequencies with a constant added to each count
class Frequencies {
  constructor({ alpha }, page) {
    const total = page.counts.reduce((a, b) => a + b, 0) + alpha * page.counts.length;
    this.p = Float64Array.from(page.counts, (count) => (count + alpha) / total);
  }

  probability(before, word) { return this.p[word]; }

  distribution() { return this.p; }
}

// Decaying counts of the n-grams before a word, above another model; see lmcompare/models/cache/estimator.py
class CacheModel {
  static async of({ base, caches, weights, bias, strength }, page) {
    const cache = new CacheModel();
    Object.assign(cache, { base: await KINDS[base.kind](base, page), caches, weights, bias, strength });
    if (cache.base.evidence) cache.evidence = (before, word) => cache.base.evidence(before, word);
    return cache;
  }

  // [{ counts, mass }] of each cache: the decayed counts of the words that followed the last order - 1 words
  seen(before) {
    return this.caches.map(([order, decay]) => {
      const counts = new Map(), size = before.length;
      let mass = 0;
      for (let i = order - 1; i < size; i += 1) {
        let k = 1;
        while (k < order && before[i - k] === before[size - k]) k += 1;
        if (k < order) continue;
        const count = decay ** (size - 1 - i);
        counts.set(before[i], (counts.get(before[i]) ?? 0) + count);
        mass += count;
      }
      return { counts, mass };
    });
  }

  // the factors of the model's probabilities and of each cache's counts
  factors(seen) {
    const { weights, bias, strength } = this;
    const scores = bias.map((b, m) => seen.reduce((sum, { mass }, f) => sum + weights[f][m] * Math.log1p(mass), b));
    const highest = Math.max(...scores), raised = scores.map((score) => Math.exp(score - highest));
    const total = raised.reduce((a, b) => a + b), found = raised.map((each) => each / total);
    for (let k = seen.length; k > 0; k -= 1) {
      found[k] /= seen[k - 1].mass + strength;
      found[k - 1] += strength * found[k];
    }
    return found;
  }

  probability(before, word) {
    const seen = this.seen(before), [own, ...factors] = this.factors(seen);
    return seen.reduce((p, { counts }, k) => p + factors[k] * (counts.get(word) ?? 0), own * this.base.probability(before, word));
  }

  distribution(before) {
    const seen = this.seen(before), [own, ...factors] = this.factors(seen);
    const p = Float64Array.from(this.base.distribution(before), (each) => own * each);
    seen.forEach(({ counts }, k) => counts.forEach((count, word) => { p[word] += factors[k] * count; }));
    return p;
  }
}

const KINDS = {
  "kneser-ney": (copy, page) => new KneserNey(copy, page),
  frequencies: (copy, page) => new Frequencies(copy, page),
  network: (copy, page) => Network.of(copy, page),
  cache: (copy, page) => CacheModel.of(copy, page),
};

class Page {
  static async of(data) {
    const page = new Page();
    const read = async (base64) => JSON.parse(new TextDecoder().decode(await unpacked(base64)));
    page.words = await read(data.words);
    page.counts = await read(data.counts);
    const how = data.cut.table ? { ...data.cut, table: await read(data.cut.table) } : data.cut;
    page.cutter = new Cutter(how, page.words, data.end, data.unknown);
    if (data.text) {
      const bytes = await unpacked(data.text.ids);
      const ids = page.words.length < 65536 ? new Uint16Array(bytes) : new Int32Array(bytes);
      const longest = Math.max(...data.models.map(({ copy }) => (copy.base ?? copy).order ?? 1), 2);
      page.phrases = new Phrases(ids, data.text.documents, data.end, page.words.length, longest);
    }
    if (data.spelling) page.spelt = async () => new Spelling({ order: data.spelling.order, examples: await read(data.spelling.examples) });
    page.models = await Promise.all(data.models.map((model) => KINDS[model.copy.kind](model.copy, page)));
    return page;
  }

  // the bits of the spelling of the unknown tokens; null if the page has no model of spelling
  async spelling(tokens) {
    const unknown = tokens.filter((token) => token.unknown);
    if (!unknown.length) return 0;
    if (!this.spelt) return null;
    this.speller ??= await this.spelt();
    return unknown.reduce((sum, token) => sum + this.speller.bits(token.text), 0);
  }

  async score(text) {
    const tokens = this.cutter.cut(text), ids = tokens.map((token) => token.id);
    const missing = ids.indexOf(null); // a vocabulary without an unknown word
    const scored = missing < 0 ? ids : ids.slice(0, missing);
    const covers = COVERS[this.cutter.how.cut];
    const spelling = await this.spelling(tokens), bytes = new TextEncoder().encode(text).length;
    const each = this.models.map((model) => {
      const bits = scored.map((id, i) => -Math.log2(model.probability(ids.slice(0, i), id)));
      const whole = spelling === null || missing >= 0 ? null : bits.reduce((sum, b) => sum + b, spelling);
      return { covers, tokens, bits, next: this.likely(model.distribution(scored)), bits_per_byte: whole === null ? null : whole / bytes };
    });
    return { each };
  }

  likely(p, most = 10) {
    const best = [];
    for (let id = 0; id < p.length; id += 1) {
      if (best.length < most || p[id] > best[best.length - 1][1]) {
        let at = best.length;
        while (at > 0 && best[at - 1][1] < p[id]) at -= 1;
        best.splice(at, 0, [id, p[id]]);
        if (best.length > most) best.pop();
      }
    }
    return best.map(([id, share]) => [this.words[id], share]);
  }

  evidence(model, text, word) {
    const before = this.cutter.cut(text).map((token) => token.id);
    const found = this.models[model].evidence(before, this.words.indexOf(word));
    return { ...found, sentences: found.sentences.map((one) => ({ ...one, words: one.ids.map((id) => this.words[id]) })) };
  }
}

let page = null;
self.onmessage = async ({ data }) => {
  try {
    if (data.type === "open") {
      page = await Page.of(data.data);
      self.postMessage({ id: data.id, result: page.models.map((model) => "evidence" in model) });
    } else {
      self.postMessage({ id: data.id, result: await page[data.type](...data.arguments) });
    }
  } catch (error) {
    self.postMessage({ id: data.id, error: error.message });
  }
};
