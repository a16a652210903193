// The weights of a network, and the network: it reads tokens with the layers of live-layers.js and predicts the next one.
"use strict";

function half(bits) { // float16
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, part = bits & 1023;
  if (exponent === 0) return sign * part * 2 ** -24;
  return exponent === 31 ? (part ? NaN : sign * Infinity) : sign * (1 + part / 1024) * 2 ** (exponent - 15);
}

// { shape, values } of an array: float32, or blocks of 32 numbers of few bits that share a scale
async function weights({ shape, bits, data, scales }) {
  const raw = await unpacked(data);
  if (bits === 32) return { shape, values: new Float32Array(raw) };
  const bytes = new Uint8Array(raw), scale = Float32Array.from(new Uint16Array(await unpacked(scales)), half);
  const most = 2 ** (bits - 1) - 1;
  return { shape, values: Float32Array.from(bytes, (whole, i) => (whole - most) * scale[i >> 5]) };
}

// A network with one output for all rare words, which is divided among them by their frequency
class Network {
  static async of(copy, page) {
    const network = new Network();
    network.types = page.words.length;
    const arrays = {};
    for (const [name, packed] of Object.entries(copy.arrays)) arrays[name] = await weights(packed);
    network.kept = new Int32Array(await unpacked(copy.kept));
    network.shares = new Float32Array(await unpacked(copy.shares)); // log shares of the rare words, in the order of their ids
    network.rows = new Int32Array(network.types + 1).fill(network.kept.length);
    network.kept.forEach((id, i) => { network.rows[id] = i; });
    network.rows[network.types] = network.kept.length + 1;
    network.rare = Array.from({ length: network.types }, (_, id) => id).filter((id) => network.rows[id] === network.kept.length);
    network.rareAt = new Map(network.rare.map((id, i) => [id, i]));
    network.outputs = { vector: (await weights(copy.rare.vector)).values, bias: copy.rare.bias };
    network.table = arrays["head.table"];
    network.biases = arrays["head.bias"];
    network.step = chain(copy.layers, arrays, network);
    network.read = []; // after each token that was read: its id, the states, and the distribution over rows
    return network;
  }

  rowOf(id) { return this.rows[id]; }

  // the log-probabilities after a text, of the kept words and of all rare ones together; states of tokens are reused
  after(before) {
    const ids = [this.types, ...before];
    let same = 0;
    while (same < this.read.length && same < ids.length && this.read[same].id === ids[same]) same += 1;
    if (same < ids.length) this.read.length = same; // after the beginning of what was read, the rest stays
    for (let place = same; place < ids.length; place += 1) {
      const [x, states] = this.step(ids[place], place ? this.read[place - 1].states : null, place);
      this.read.push({ id: ids[place], states, logits: null, features: x });
    }
    const last = this.read[ids.length - 1];
    last.logits ??= this.logits(last.features);
    return last.logits;
  }

  logits(x) {
    const { kept, table, biases, outputs } = this, size = x.length;
    const found = new Float64Array(kept.length + 1);
    for (let i = 0; i < kept.length; i += 1) {
      let sum = biases ? biases.values[kept[i]] : 0;
      for (let k = 0, at = i * size; k < size; k += 1, at += 1) sum += table.values[at] * x[k];
      found[i] = sum;
    }
    found[kept.length] = outputs.vector.reduce((sum, v, k) => sum + v * x[k], outputs.bias);
    let most = -Infinity, sum = 0;
    for (const v of found) if (v > most) most = v;
    for (const v of found) sum += Math.exp(v - most);
    const log = most + Math.log(sum);
    return found.map((v) => v - log);
  }

  probability(before, word) {
    const found = this.after(before), at = this.rareAt.get(word);
    return Math.exp(at === undefined ? found[this.rows[word]] : found[this.kept.length] + this.shares[at]);
  }

  distribution(before) {
    const found = this.after(before), p = new Float64Array(this.types);
    this.kept.forEach((id, i) => { p[id] = Math.exp(found[i]); });
    this.rare.forEach((id, i) => { p[id] = Math.exp(found[this.kept.length] + this.shares[i]); });
    return p;
  }
}
