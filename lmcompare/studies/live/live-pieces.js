// Cuts a text into pieces as Hugging Face's library tokenizers does: byte pair encoding, and unigram models.
// Runs in the worker of live-engine.js; page_table in lmcompare/tokens/pieces_in_page.py says what the table has.
"use strict";

const BLANK = "▁"; // in vocabularies of SentencePiece
const UNKNOWN = 10; // nats by which a character without a piece is less likely than the least likely piece

// the printable character that stands for each byte in byte-level vocabularies
const OF_BYTE = (() => {
  let next = 0x100;
  const printable = (b) => (b > 0x20 && b < 0x7f) || (b > 0xa0 && b !== 0xad);
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : next++));
})();
const BYTE_OF = new Map(OF_BYTE.map((character, b) => [character, b]));

function byteName(b) { return `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`; }

// the bytes of a text, as a string of a character per byte
function bytesOf(text) { return Array.from(new TextEncoder().encode(text), (b) => String.fromCharCode(b)).join(""); }

function escaped(text) { return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"); }

class Pieces {
  constructor(table) {
    Object.assign(this, table);
    this.ids = new Map(this.pieces.map((piece, id) => [piece, id]));
    this.ids.delete("");
    this.written = new Map(this.added.flatMap(Object.entries).map(([text, id]) => [id, bytesOf(text)]));
    this.found = this.added.map((ids) => { // the longest of those that begin at one place
      const texts = Object.keys(ids).sort((a, b) => b.length - a.length);
      return texts.length ? new RegExp(`(${texts.map(escaped).join("|")})`, "u") : null;
    });
    this.steps = this.cuts.map(([kind, ...rest]) => Pieces.step(kind, ...rest));
    if (this.merges) {
      this.ranks = new Map(); // [rank, id of both], by the pair
      for (let i = 0; i < this.merges.length; i += 2) {
        const [a, b] = [this.merges[i], this.merges[i + 1]];
        this.ranks.set(a * this.pieces.length + b, [i, this.ids.get(this.pieces[a] + this.pieces[b])]);
      }
    } else {
      this.longest = this.pieces.reduce((most, piece) => Math.max(most, piece.length), 0);
    }
  }

  // a function from a part of the text to its parts
  static step(kind, what, by) {
    if (kind === "match") return (part) => part.match(new RegExp(what, "gu")) ?? [];
    if (kind === "blank") return (part) => [part.startsWith(" ") ? part : ` ${part}`];
    if (kind === "bytes") return (part) => [Array.from(new TextEncoder().encode(part), (b) => OF_BYTE[b]).join("")];
    if (kind === "digits") return (part) => part.match(what ? /\p{N}|\P{N}+/gu : /\p{N}+|\P{N}+/gu) ?? [];
    if (kind === "replace") return (part) => [part.replaceAll(what, () => by)];
    if (kind === "before") return (part) => part.match(new RegExp(`${what}?[^${what}]+|${what}`, "gu")) ?? [];
    throw new Error(`the page can't cut a text by ${kind}`);
  }

  // the ids of a text; an error if they would not give the text back, which lmcompare refuses, too
  cut(text) {
    const found = [];
    this.around(text, 0, found);
    if (found.map((id) => this.bytesOfPiece(id)).join("") !== bytesOf(text && this.mark + text)) {
      throw new Error("these tokens can't write this text exactly");
    }
    return found;
  }

  // looks for the added tokens of a turn, and cuts what is between those of all turns
  around(text, turn, found) {
    if (turn === this.added.length) { if (text) this.inside(text, found); return; }
    const parts = this.found[turn] ? text.split(this.found[turn]) : [text];
    parts.forEach((part, i) => {
      if (i % 2) found.push(this.added[turn][part]); else this.around(part, turn + 1, found);
    });
  }

  bytesOfPiece(id) {
    if (this.written.has(id)) return this.written.get(id);
    const piece = this.pieces[id];
    if (this.level) {
      const bytes = Array.from(piece, (c) => BYTE_OF.get(c));
      return bytes.includes(undefined) ? bytesOf(piece) : String.fromCharCode(...bytes);
    }
    const byte = piece.match(/^<0x([0-9A-F]{2})>$/);
    return byte ? String.fromCharCode(parseInt(byte[1], 16)) : bytesOf(piece.replaceAll(BLANK, " "));
  }

  inside(text, found) {
    let changed = text;
    for (const [kind, what, by] of this.changes) {
      if (kind === "prepend") changed = changed && what + changed;
      else if (kind === "replace") changed = changed.replaceAll(what, () => by);
      else changed = changed.normalize("NFC");
    }
    for (const word of this.steps.reduce((parts, step) => parts.flatMap(step), [changed])) {
      if (!word) continue;
      for (const id of this.merges ? this.merged(word) : this.mostLikely(word)) found.push(id);
    }
  }

  // the ids of a text without a piece: those of its bytes
  unknown(text) {
    const ids = Array.from(new TextEncoder().encode(text), (b) => this.ids.get(byteName(b)));
    if (!this.bytes || ids.includes(undefined)) throw new Error(`these tokens can't write “${text}”`);
    return ids;
  }

  // The pair of the lowest rank is merged first, the leftmost of equals.
  merged(word) {
    if (this.whole && this.ids.has(word)) return [this.ids.get(word)];
    let ids = Array.from(word).flatMap((c) => this.ids.get(c) ?? this.unknown(c));
    const rank = (a, b) => (a === undefined || b === undefined ? undefined : this.ranks.get(a * this.pieces.length + b));
    for (;;) {
      let best;
      for (let i = 0; i + 1 < ids.length; i += 1) {
        const pair = rank(ids[i], ids[i + 1]);
        if (pair && !(pair[0] >= best?.[0])) best = pair;
      }
      if (!best) return ids;
      const next = [];
      let earlier = false; // whether a new pair comes before the others of this one
      for (let i = 0; i < ids.length; i += 1) {
        if (earlier || rank(ids[i], ids[i + 1]) !== best) { next.push(ids[i]); continue; }
        const [left, right] = [rank(next.at(-1), best[1]), rank(best[1], ids[i + 2])];
        earlier = left?.[0] < best[0] || right?.[0] < best[0];
        next.push(best[1]);
        i += 1;
      }
      ids = next;
    }
  }

  // The pieces of the highest total log-probability, found from left to right (Viterbi)
  mostLikely(word) {
    const size = word.length, from = new Int32Array(size + 1).fill(-1), id = new Int32Array(size + 1);
    const best = new Float64Array(size + 1), width = (i) => (word.codePointAt(i) > 0xffff ? 2 : 1);
    const offer = (begin, end, piece, score) => {
      if (from[end] >= 0 && !(score > best[end])) return;
      from[end] = begin;
      id[end] = piece;
      best[end] = score;
    };
    for (let begin = 0; begin < size; begin += width(begin)) {
      const one = begin + width(begin);
      for (let end = one; end <= size && end - begin <= this.longest; end += end < size ? width(end) : 1) {
        const piece = this.ids.get(word.slice(begin, end));
        if (piece !== undefined) offer(begin, end, piece, this.scores[piece] + best[begin]);
      }
      if (!this.ids.has(word.slice(begin, one))) offer(begin, one, -1, this.least - UNKNOWN + best[begin]);
    }
    const found = [];
    for (let end = size; end > 0; end = from[end]) {
      found.unshift(...(id[end] < 0 ? this.unknown(word.slice(from[end], end)) : [id[end]]));
    }
    return found;
  }
}
