// QR codes (ISO/IEC 18004) of short texts: bytes, error correction level M, versions 1 to 20. Pure.

// Of level M, by version from 1: codewords of error correction in each block, and the number of blocks.
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];
const LEVEL_M = 0;
const MASKS = [
  (x, y) => (x + y) % 2,
  (x, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

/** Rows of modules, true where dark, without the quiet zone. Fails if the text is longer than 666 bytes. */
export function qrCode(text) {
  const bytes = new TextEncoder().encode(text);
  const version = BLOCKS.findIndex((_, index) => dataCodewords(index + 1) * 8 >= 4 + lengthBits(index + 1) + 8 * bytes.length) + 1;
  if (version === 0) throw new RangeError("the text is too long for a QR code");
  const codewords = interleaved(encoded(bytes, version), version);
  let best = null;
  for (let mask = 0; mask < MASKS.length; mask += 1) {
    const rows = drawn(codewords, version, mask);
    const penalty = penaltyOf(rows);
    if (best === null || penalty < best.penalty) best = { rows, penalty };
  }
  return best.rows;
}

const lengthBits = (version) => (version < 10 ? 8 : 16);

function rawModules(version) {
  let count = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const aligned = Math.floor(version / 7) + 2;
    count -= (25 * aligned - 10) * aligned - 55;
    if (version >= 7) count -= 36;
  }
  return count;
}

const dataCodewords = (version) => Math.floor(rawModules(version) / 8) - CORRECTION[version - 1] * BLOCKS[version - 1];

function encoded(bytes, version) {
  const bits = [];
  const append = (value, length) => {
    for (let i = length - 1; i >= 0; i -= 1) bits.push((value >> i) & 1);
  };
  append(4, 4); // mode: bytes
  append(bytes.length, lengthBits(version));
  for (const byte of bytes) append(byte, 8);
  const room = dataCodewords(version) * 8;
  append(0, Math.min(4, room - bits.length));
  append(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < room; pad ^= 0xec ^ 0x11) append(pad, 8);
  return Array.from({ length: bits.length / 8 }, (_, i) => parseInt(bits.slice(8 * i, 8 * i + 8).join(""), 2));
}

function times(x, y) {
  let product = 0;
  for (let i = 7; i >= 0; i -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((y >> i) & 1) * x;
  }
  return product;
}

/** Remainder of a block by the generator polynomial of so many codewords. */
function correction(block, degree) {
  const divisor = new Array(degree).fill(0);
  divisor[degree - 1] = 1;
  for (let i = 0, root = 1; i < degree; i += 1, root = times(root, 2)) {
    for (let j = 0; j < degree; j += 1) divisor[j] = times(divisor[j], root) ^ (divisor[j + 1] ?? 0);
  }
  const rest = new Array(degree).fill(0);
  for (const codeword of block) {
    const factor = codeword ^ rest.shift();
    rest.push(0);
    divisor.forEach((coefficient, i) => (rest[i] ^= times(coefficient, factor)));
  }
  return rest;
}

function interleaved(data, version) {
  const count = BLOCKS[version - 1];
  const degree = CORRECTION[version - 1];
  const short = Math.floor(data.length / count);
  const blocks = [];
  for (let i = 0, from = 0; i < count; i += 1) {
    const size = short + (i >= count - (data.length % count) ? 1 : 0);
    blocks.push(data.slice(from, (from += size)));
  }
  const tails = blocks.map((block) => correction(block, degree));
  const woven = [];
  for (let i = 0; i <= short; i += 1) for (const block of blocks) if (i < block.length) woven.push(block[i]);
  for (let i = 0; i < degree; i += 1) for (const tail of tails) woven.push(tail[i]);
  return woven;
}

function alignments(version) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.floor((version * 8 + count * 3 + 5) / (count * 4 - 4)) * 2;
  const places = [6];
  for (let place = version * 4 + 10; places.length < count; place -= step) places.splice(1, 0, place);
  return places;
}

function drawn(codewords, version, mask) {
  const size = 17 + 4 * version;
  const rows = Array.from({ length: size }, () => new Array(size).fill(false));
  const fixed = Array.from({ length: size }, () => new Array(size).fill(false));
  const set = (x, y, dark) => {
    rows[y][x] = dark;
    fixed[y][x] = true;
  };
  for (let i = 0; i < size; i += 1) {
    set(6, i, i % 2 === 0);
    set(i, 6, i % 2 === 0);
  }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) {
    for (let dy = -4; dy <= 4; dy += 1) {
      for (let dx = -4; dx <= 4; dx += 1) {
        const ring = Math.max(Math.abs(dx), Math.abs(dy));
        if (rows[y + dy]?.[x + dx] !== undefined) set(x + dx, y + dy, ring !== 2 && ring !== 4);
      }
    }
  }
  const places = alignments(version);
  const last = places.length - 1;
  places.forEach((x, i) =>
    places.forEach((y, j) => {
      if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) return;
      for (let dy = -2; dy <= 2; dy += 1) {
        for (let dx = -2; dx <= 2; dx += 1) set(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
      }
    }),
  );
  drawFormat(set, size, mask);
  if (version >= 7) drawVersion(set, size, version);
  fill(rows, fixed, codewords, mask);
  return rows;
}

function drawFormat(set, size, mask) {
  const data = (LEVEL_M << 3) | mask;
  let rest = data;
  for (let i = 0; i < 10; i += 1) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
  const bits = ((data << 10) | rest) ^ 0x5412;
  const bit = (i) => ((bits >> i) & 1) === 1;
  for (let i = 0; i <= 5; i += 1) set(8, i, bit(i));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let i = 9; i < 15; i += 1) set(14 - i, 8, bit(i));
  for (let i = 0; i < 8; i += 1) set(size - 1 - i, 8, bit(i));
  for (let i = 8; i < 15; i += 1) set(8, size - 15 + i, bit(i));
  set(8, size - 8, true);
}

function drawVersion(set, size, version) {
  let rest = version;
  for (let i = 0; i < 12; i += 1) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
  const bits = (version << 12) | rest;
  for (let i = 0; i < 18; i += 1) {
    const dark = ((bits >> i) & 1) === 1;
    const far = size - 11 + (i % 3);
    set(far, Math.floor(i / 3), dark);
    set(Math.floor(i / 3), far, dark);
  }
}

/** Lays the bits in columns of two, up and down from the right, and turns those that the mask names. */
function fill(rows, fixed, codewords, mask) {
  const size = rows.length;
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (fixed[y][x]) continue;
        const dark = at < codewords.length * 8 && ((codewords[at >> 3] >> (7 - (at & 7))) & 1) === 1;
        rows[y][x] = dark !== (MASKS[mask](x, y) === 0);
        at += 1;
      }
    }
  }
}

/** How hard a symbol is to read, by the four rules of the standard. */
function penaltyOf(rows) {
  const size = rows.length;
  let penalty = 0;
  for (const at of [(i, j) => rows[i][j], (i, j) => rows[j][i]]) {
    for (let i = 0; i < size; i += 1) {
      let text = "";
      for (let j = 0; j < size; j += 1) text += at(i, j) ? "1" : "0";
      for (const [run] of text.matchAll(/0{5,}|1{5,}/g)) penalty += run.length - 2;
      for (const _ of text.matchAll(/(?=10111010000|00001011101)/g)) penalty += 40;
    }
  }
  let dark = 0;
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      dark += rows[y][x] ? 1 : 0;
      if (x === 0 || y === 0) continue;
      const same = [rows[y - 1][x], rows[y][x - 1], rows[y - 1][x - 1]].every((other) => other === rows[y][x]);
      penalty += same ? 3 : 0;
    }
  }
  return penalty + 10 * Math.floor(Math.abs(20 * dark - 10 * size * size) / (size * size));
}
