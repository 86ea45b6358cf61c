// Synthetic voices for tests: vowels as pulses through resonators, hisses as noise, and silence. Samples from -1 to 1.

/** First three formants in Hz of vowels: means of Peterson and Barney (1952). */
export const MEN = {
  ah: [730, 1090, 2440],
  eh: [530, 1840, 2480],
  ee: [270, 2290, 3010],
  oh: [570, 840, 2410],
  oo: [300, 870, 2240],
};
export const WOMEN = {
  ah: [850, 1220, 2810],
  eh: [610, 2330, 2990],
  ee: [310, 2790, 3310],
  oh: [590, 920, 2710],
  oo: [370, 950, 2670],
};
const WIDTHS = [60, 90, 130];

export function vowel(formants, { pitch = 120, rate = 24_000, seconds = 0.4, level = 0.3 } = {}) {
  const count = Math.round(seconds * rate);
  let samples = new Float32Array(count);
  let slope = 0;
  for (let i = 0; i < count; i += 1) {
    const pulse = Math.floor((i * pitch) / rate) > Math.floor(((i - 1) * pitch) / rate) ? 1 : 0;
    slope = pulse + 0.96 * slope; // the voice falls by 6 dB an octave when it has left the lips
    samples[i] = slope;
  }
  formants.forEach((hertz, which) => {
    const radius = Math.exp((-Math.PI * WIDTHS[which]) / rate);
    const back = 2 * radius * Math.cos((2 * Math.PI * hertz) / rate);
    const filtered = new Float32Array(count);
    for (let i = 0; i < count; i += 1) {
      filtered[i] =
        (1 - back + radius * radius) * samples[i] +
        back * (filtered[i - 1] ?? 0) -
        radius * radius * (filtered[i - 2] ?? 0);
    }
    samples = filtered;
  });
  return scaled(samples, level);
}

/** Noise in which high frequencies are strong, as in s. The same each time. */
export function hiss({ rate = 24_000, seconds = 0.4, level = 0.05 } = {}) {
  const samples = new Float32Array(Math.round(seconds * rate));
  let state = 1;
  let before = 0;
  for (let i = 0; i < samples.length; i += 1) {
    state = (state * 48_271) % 2_147_483_647;
    const noise = state / 1_073_741_824 - 1;
    samples[i] = noise - 0.9 * before;
    before = noise;
  }
  return scaled(samples, level);
}

export function silence({ rate = 24_000, seconds = 0.4 } = {}) {
  return new Float32Array(Math.round(seconds * rate));
}

function scaled(samples, level) {
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  return samples.map((sample) => (sample * level) / peak);
}
