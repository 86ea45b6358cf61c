// Measures a short piece of speech: how loud it is, whether it hisses, and the formants of its vowel. Pure.

const ANALYSIS_HZ = 10_000; // the first two formants of every voice lie below 3.5 kHz
const ORDER = 12; // coefficients: two for each formant below 5 kHz, and two for the slope of the spectrum
const POINTS = 100; // of the envelope, one for each 50 Hz
const STEP_HZ = ANALYSIS_HZ / 2 / POINTS;
const COSINES = Float64Array.from({ length: 2 * POINTS }, (_, i) => Math.cos((Math.PI * i) / POINTS));
const FIRST_HZ = [200, 1100]; // where formants are looked for
const SECOND_HZ = [700, 3200];
const APART_HZ = 200;

/** Level of samples from -1 to 1 in dB below full scale; silence is -120. */
export function levelOf(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.max(-120, 10 * Math.log10(sum / samples.length + 1e-12));
}

/** How often the signal changes sign, as the frequency of a tone that does so: vowels below 2 kHz, an s above 3 kHz. */
export function crossingHertz(samples, rate) {
  let crossings = 0;
  for (let i = 1; i < samples.length; i += 1) crossings += samples[i] >= 0 !== samples[i - 1] >= 0 ? 1 : 0;
  return (crossings * rate) / (2 * samples.length);
}

/** First two formants in Hz: the first tells how far the jaw is open, the second how far forward the tongue is. */
export function vowelOf(samples, rate) {
  const envelope = envelopeOf(predictor(reduced(samples, rate)));
  const at = (hertz) => Math.round(hertz / STEP_HZ);
  const strongest = (from, to) => {
    let best = at(from);
    for (let i = best + 1; i <= at(to); i += 1) if (envelope[i] > envelope[best]) best = i;
    return best * STEP_HZ;
  };
  let first = strongest(...FIRST_HZ);
  for (let i = at(FIRST_HZ[0]); i * STEP_HZ < first; i += 1) {
    if (envelope[i] > envelope[i - 1] && envelope[i] >= envelope[i + 1]) {
      first = i * STEP_HZ; // the lowest peak, though a higher one be stronger
      break;
    }
  }
  return { firstHertz: first, secondHertz: strongest(Math.max(SECOND_HZ[0], first + APART_HZ), SECOND_HZ[1]) };
}

/** Samples at the rate of analysis, their slope raised and their ends faded. */
function reduced(samples, rate) {
  const step = rate / ANALYSIS_HZ;
  const count = Math.floor(samples.length / step);
  const result = new Float32Array(count);
  let before = 0;
  for (let i = 0; i < count; i += 1) {
    let sum = 0;
    const from = Math.floor(i * step);
    const to = Math.max(from + 1, Math.floor((i + 1) * step));
    for (let j = from; j < to; j += 1) sum += samples[j];
    const mean = sum / (to - from);
    result[i] = (mean - 0.95 * before) * (0.54 - 0.46 * Math.cos((2 * Math.PI * i) / (count - 1)));
    before = mean;
  }
  return result;
}

/** Coefficients of linear prediction, by autocorrelation and the recursion of Levinson and Durbin. */
function predictor(samples) {
  const correlation = new Float64Array(ORDER + 1);
  for (let lag = 0; lag <= ORDER; lag += 1) {
    for (let i = lag; i < samples.length; i += 1) correlation[lag] += samples[i] * samples[i - lag];
  }
  let error = correlation[0] * 1.0001 + 1e-9; // so that silence and pure tones have a solution too
  const coefficients = new Float64Array(ORDER + 1);
  coefficients[0] = 1;
  for (let i = 1; i <= ORDER; i += 1) {
    let sum = correlation[i];
    for (let j = 1; j < i; j += 1) sum += coefficients[j] * correlation[i - j];
    const reflection = -sum / error;
    const before = coefficients.slice();
    for (let j = 1; j < i; j += 1) coefficients[j] = before[j] + reflection * before[i - j];
    coefficients[i] = reflection;
    error *= 1 - reflection * reflection;
  }
  return coefficients;
}

/** Power of the envelope at `POINTS` frequencies from 0 Hz on. */
function envelopeOf(coefficients) {
  const envelope = new Float64Array(POINTS);
  for (let point = 0; point < POINTS; point += 1) {
    let real = 0;
    let imaginary = 0;
    for (let i = 0; i <= ORDER; i += 1) {
      const angle = (point * i) % (2 * POINTS);
      real += coefficients[i] * COSINES[angle];
      imaginary += coefficients[i] * COSINES[(angle + POINTS / 2) % (2 * POINTS)]; // minus the sine
    }
    envelope[point] = 1 / (real * real + imaginary * imaginary + 1e-12);
  }
  return envelope;
}
