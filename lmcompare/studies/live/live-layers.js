// One small interpreter for networks: layers by type, with weights by name. Each step reads one token.
// A layer is a function of its input and its state that returns its output and the next state; states are never changed.
"use strict";

// matrix (rows, columns) times vector, plus bias
function times({ shape: [rows, columns], values }, x, bias) {
  const y = new Float32Array(rows);
  for (let r = 0, at = 0; r < rows; r += 1) {
    let sum = bias ? bias.values[r] : 0;
    for (let c = 0; c < columns; c += 1, at += 1) sum += values[at] * x[c];
    y[r] = sum;
  }
  return y;
}

function row({ shape: [, columns], values }, at) { return values.subarray(at * columns, (at + 1) * columns); }

function softmax(scores) {
  const most = Math.max(...scores), powers = scores.map((s) => Math.exp(s - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

function erf(x) { // Abramowitz and Stegun (1964), 7.1.26, made sharper by a series near zero
  const a = Math.abs(x);
  if (a < 2) {
    let term = a, sum = a;
    for (let n = 1; n < 40; n += 1) { term *= -a * a / n; sum += term / (2 * n + 1); }
    return Math.sign(x) * sum * 2 / Math.sqrt(Math.PI);
  }
  const t = 1 / (1 + 0.3275911 * a);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-a * a));
}

const ELEMENTWISE = {
  tanh: Math.tanh,
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
};

function normalised(kind, x, weight, bias) {
  let mean = 0, square = 0;
  if (kind === "layer") { for (const v of x) mean += v; mean /= x.length; }
  for (const v of x) square += (v - mean) ** 2;
  const by = 1 / Math.sqrt(square / x.length + 1e-5);
  return Float32Array.from(x, (v, i) => (v - mean) * by * weight.values[i] + (bias ? bias.values[i] : 0));
}

// Recurrent layers as torch names their weights; step makes { h, … } of the products of W and x, of U and h, and of the state before
function recurrent(name, layers, arrays, step) {
  return (x, states) => {
    const next = [];
    for (let l = 0; l < layers; l += 1) {
      const part = (kind) => arrays[`${name}.${kind}_l${l}`], before = states?.[l];
      const h = before ? before.h : new Float32Array(part("weight_hh").shape[1]);
      next.push(step(times(part("weight_ih"), x, part("bias_ih")), times(part("weight_hh"), h, part("bias_hh")), before));
      x = next[l].h;
    }
    return [x, next];
  };
}

// Recurrent layers whose gates do not read the state: those of a minGRU, or of a QRNN, which read the input before too
function parallel(name, layers, arrays, two) {
  return (x, states) => {
    const next = [];
    for (let l = 0; l < layers; l += 1) {
      const of = (kind) => arrays[`${name}.layers.${l}.${kind}`], before = states?.[l];
      let read = x;
      if (two) {
        read = new Float32Array(2 * x.length);
        if (before) read.set(before.x);
        read.set(x, x.length);
      }
      const parts = times(of("weight"), read, of("bias")), size = parts.length / (two ? 3 : 2), c = new Float32Array(size);
      for (let i = 0; i < size; i += 1) {
        const keep = sigmoid(two ? parts[i] : -parts[i]), added = two ? Math.tanh(parts[size + i]) : parts[size + i];
        c[i] = keep * (before ? before.c[i] : 0) + (1 - keep) * added;
      }
      next.push({ c, x });
      x = two ? c.map((v, i) => sigmoid(parts[2 * size + i]) * v) : c;
    }
    return [x, next];
  };
}

const silu = (x) => x * sigmoid(x), softplus = (x) => (x > 30 ? x : Math.log1p(Math.exp(x)));

// The weighted sum of vectors, number by number, added to a first vector; the last weights are those of the last vector
function weighted(start, vectors, weights) {
  const skipped = weights.length / start.length - vectors.length;
  return start.map((v, i) => vectors.reduce((sum, each, k) => sum + weights[(skipped + k) * start.length + i] * each[i], v));
}

// The convolution of x and the last vectors, number by number, and the new last vectors
function convolved(x, before, weight, bias) {
  const last = [...(before ?? []), x].slice(-weight.values.length / x.length);
  return [weighted(bias.values, last, weight.values).map(silu), last];
}

// Each makes a function (input, state, place) => [output, state] from a layer's table, the arrays and the network
const LAYERS = {
  embed({ table, scale = 1, begin = null }, arrays, network) {
    return (id) => {
      const read = id === network.types && begin !== null ? begin : id;
      return [row(arrays[table], network.rowOf(read)).map((v) => v * scale), null];
    };
  },

  bag({ table, window, end, weights: of }, arrays, network) {
    return (id, before) => {
      const read = id === network.types ? end : id;
      const ids = [...(before ?? []), read].slice(-window);
      const used = ids.slice(Math.max(0, ids.lastIndexOf(end))), sum = new Float32Array(arrays[table].shape[1]);
      used.forEach((each, i) => {
        const weight = of[used.length - 1 - i], vector = row(arrays[table], network.rowOf(each));
        for (let k = 0; k < sum.length; k += 1) sum[k] += vector[k] * (weight.length > 1 ? weight[k] : weight[0]);
      });
      return [sum.map((v) => v / used.length), ids];
    };
  },

  // the last vectors side by side, zeros before the document begins
  stack({ size }) {
    return (x, before) => {
      const last = [...(before ?? []), x].slice(-size), y = new Float32Array(size * x.length);
      last.forEach((each, i) => y.set(each, (size - last.length + i) * x.length));
      return [y, last];
    };
  },

  // x and the weighted vectors of the last positions before it, number by number
  convolution({ name, size }, arrays) {
    const { values } = arrays[`${name}.weight`]; // the oldest first
    return (x, before) => {
      const past = before ?? [];
      return [weighted(x, past, values), [...past, x].slice(-size)];
    };
  },

  places({ table }, arrays) {
    return (x, _, place) => {
      const added = row(arrays[table], place % arrays[table].shape[0]);
      return [x.map((v, i) => v + added[i]), null];
    };
  },

  waves() {
    return (x, _, place) => {
      const pairs = x.length / 2, angle = (k) => place * 10000 ** (-k / pairs);
      return [x.map((v, i) => v + (i < pairs ? Math.sin(angle(i)) : Math.cos(angle(i - pairs)))), null];
    };
  },

  linear({ name }, arrays) {
    const weight = arrays[`${name}.weight`], bias = arrays[`${name}.bias`];
    return (x) => [times(weight, x, bias), null];
  },

  norm({ name, kind }, arrays) {
    return (x) => [normalised(kind, x, arrays[`${name}.weight`], arrays[`${name}.bias`]), null];
  },

  glu() {
    return (x) => {
      const half = x.length / 2;
      return [x.slice(0, half).map((v, i) => v * sigmoid(x[half + i])), null];
    };
  },

  swiglu() {
    return (x) => {
      const half = x.length / 2;
      return [x.slice(0, half).map((v, i) => v * sigmoid(v) * x[half + i]), null];
    };
  },

  add({ layers }, arrays, network) {
    const inner = chain(layers, arrays, network);
    return (x, state, place) => {
      const [y, next] = inner(x, state, place);
      return [x.map((v, i) => v + y[i]), next];
    };
  },

  lstm({ name, layers }, arrays) {
    return recurrent(name, layers, arrays, (read, kept, before) => {
      const size = kept.length / 4, gate = (g, i) => read[g * size + i] + kept[g * size + i];
      const old = before?.c, c = new Float32Array(size), h = new Float32Array(size);
      for (let i = 0; i < size; i += 1) {
        c[i] = sigmoid(gate(1, i)) * (old ? old[i] : 0) + sigmoid(gate(0, i)) * Math.tanh(gate(2, i));
        h[i] = sigmoid(gate(3, i)) * Math.tanh(c[i]);
      }
      return { h, c };
    });
  },

  gru({ name, layers }, arrays) {
    return recurrent(name, layers, arrays, (read, kept, before) => {
      const size = kept.length / 3, h = new Float32Array(size);
      for (let i = 0; i < size; i += 1) {
        const reset = sigmoid(read[i] + kept[i]), keep = sigmoid(read[size + i] + kept[size + i]);
        const added = Math.tanh(read[2 * size + i] + reset * kept[2 * size + i]);
        h[i] = keep * (before ? before.h[i] : 0) + (1 - keep) * added;
      }
      return { h };
    });
  },

  elman({ name, layers }, arrays) {
    return recurrent(name, layers, arrays, (read, kept) => ({ h: read.map((v, i) => Math.tanh(v + kept[i])) }));
  },

  "min-gru"({ name, layers }, arrays) { return parallel(name, layers, arrays, false); },

  qrnn({ name, layers }, arrays) { return parallel(name, layers, arrays, true); },

  // a state S for each head: it decays, x bᵀ is added, and S c is shown
  "state-space"({ name, heads, state: size }, arrays) {
    const of = (part) => arrays[`${name}.${part}`];
    return (x, before) => {
      const inner = of("inner_norm.weight").values.length, parts = times(of("read.weight"), x), width = inner / heads;
      const [mixed, past] = convolved(parts.slice(inner, 2 * inner + 2 * size), before?.past, of("convolution.weight"), of("convolution.bias"));
      const S = new Float32Array(inner * size), y = new Float32Array(inner);
      for (let i = 0; i < inner; i += 1) {
        const h = Math.floor(i / width), step = softplus(parts[2 * inner + 2 * size + h] + of("step_bias").values[h]);
        const keep = Math.exp(-Math.exp(of("rate").values[h]) * step);
        let shown = of("skip").values[h] * mixed[i];
        for (let n = 0, at = i * size; n < size; n += 1, at += 1) {
          S[at] = keep * (before ? before.S[at] : 0) + step * mixed[i] * mixed[inner + n];
          shown += S[at] * mixed[inner + size + n];
        }
        y[i] = shown * silu(parts[i]);
      }
      return [times(of("write.weight"), normalised("rms", y, of("inner_norm.weight"))), { S, past }];
    };
  },

  // a memory S for each head: it decays, is corrected by a share of the error of what it has for the key, and is asked
  delta({ name, heads }, arrays) {
    const of = (part) => arrays[`${name}.${part}`];
    const unit = (v) => { const length = Math.max(1e-12, Math.hypot(...v)); return v.map((each) => each / length); };
    return (x, before) => {
      const width = x.length, size = width / heads, parts = times(of("read.weight"), x);
      const [mixed, past] = convolved(parts.slice(0, 3 * width), before?.past, of("convolution.weight"), of("convolution.bias"));
      const S = before ? before.S.slice() : new Float32Array(width * size), y = new Float32Array(width);
      for (let h = 0; h < heads; h += 1) {
        const part = (which) => mixed.slice(which * width + h * size, which * width + (h + 1) * size), at = h * size * size;
        const query = unit(part(0)).map((v) => v / Math.sqrt(size)), key = unit(part(1)), value = part(2);
        const keep = Math.exp(-Math.exp(of("decay_rate").values[h]) * softplus(parts[4 * width + h] + of("decay_bias").values[h]));
        const rate = sigmoid(parts[4 * width + heads + h]), found = new Float32Array(size);
        for (let j = 0; j < size; j += 1) {
          let had = 0, shown = 0;
          for (let i = 0; i < size; i += 1) { S[at + i * size + j] *= keep; had += S[at + i * size + j] * key[i]; }
          for (let i = 0; i < size; i += 1) {
            S[at + i * size + j] += key[i] * rate * (value[j] - had);
            shown += S[at + i * size + j] * query[i];
          }
          found[j] = shown;
        }
        normalised("rms", found, of("inner_norm.weight")).forEach((v, j) => { y[h * size + j] = v * silu(parts[3 * width + h * size + j]); });
      }
      return [times(of("write.weight"), y), { S, past }];
    };
  },

  // the state with the weighted mean of the states before it
  "look-back"({ name, scores, window }, arrays) {
    const W = arrays[`${name}.W.weight`], b = arrays[`${name}.W.bias`], U = arrays[`${name}.U.weight`], v = arrays[`${name}.v`];
    return (x, before) => {
      const past = before ?? [], out = new Float32Array(2 * x.length);
      out.set(x);
      if (past.length) {
        const query = scores === "even" ? null : times(W, x, b);
        const found = past.map(({ key }) => {
          if (scores === "even") return 0;
          let sum = 0;
          for (let i = 0; i < query.length; i += 1) sum += scores === "additive" ? v.values[i] * Math.tanh(query[i] + key[i]) : query[i] * key[i];
          return scores === "additive" ? sum : sum / Math.sqrt(query.length);
        });
        softmax(found).forEach((share, j) => past[j].state.forEach((value, i) => { out[x.length + i] += share * value; }));
      }
      return [out, [...past, { state: x, key: scores === "even" ? null : times(U, x) }].slice(-window)];
    };
  },

  attention({ name, heads, window, norm, rotary, slopes, distances }, arrays) {
    const of = (part) => arrays[`${name}.${part}.weight`];
    const rotate = (x, place) => {
      const pairs = x.length / 2, y = new Float32Array(x.length);
      for (let k = 0; k < pairs; k += 1) {
        const angle = place * 10000 ** (-k / pairs), cos = Math.cos(angle), sin = Math.sin(angle);
        y[k] = x[k] * cos - x[pairs + k] * sin;
        y[pairs + k] = x[k] * sin + x[pairs + k] * cos;
      }
      return y;
    };
    const split = (x, kind, place) => Array.from({ length: heads }, (_, h) => {
      let part = x.slice(h * x.length / heads, (h + 1) * x.length / heads);
      if (norm && kind) part = normalised(norm, part, arrays[`${name}.${kind}_norm.weight`], arrays[`${name}.${kind}_norm.bias`]);
      return rotary && kind ? rotate(part, place) : part;
    });
    return (x, before, place) => {
      const queries = split(times(of("query"), x), "query", place);
      const own = { keys: split(times(of("key"), x), "key", place), values: split(times(of("value"), x), "", place) };
      const seen = [...(before ?? []), own].slice(-window), mixed = new Float32Array(x.length), size = x.length / heads;
      queries.forEach((query, h) => {
        const found = seen.map(({ keys }, j) => {
          const distance = seen.length - 1 - j;
          let sum = 0;
          for (let i = 0; i < size; i += 1) sum += query[i] * keys[h][i];
          sum /= Math.sqrt(size);
          if (slopes) sum -= slopes[h] * distance;
          if (distances) sum += arrays[distances].values[h * (arrays[distances].values.length / heads) + distance];
          return sum;
        });
        softmax(found).forEach((share, j) => {
          const value = seen[j].values[h];
          for (let i = 0; i < size; i += 1) mixed[h * size + i] += share * value[i];
        });
      });
      return [times(of("output"), mixed), seen];
    };
  },
};
for (const [type, f] of Object.entries(ELEMENTWISE)) LAYERS[type] = () => (x) => [x.map(f), null];

function chain(layers, arrays, network) {
  const steps = layers.map((layer) => LAYERS[layer.type](layer, arrays, network));
  return (x, states, place) => {
    const next = [];
    steps.forEach((step, i) => {
      const [y, state] = step(x, states ? states[i] : null, place);
      x = y;
      next.push(state);
    });
    return [x, next];
  };
}
