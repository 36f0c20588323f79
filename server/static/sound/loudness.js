// How loud sound is, as meters show it. Pure.

const FLOOR_DB = -60;

/** @param {Int16Array} samples interleaved @param {number} channels @returns {number[]} the squares of each channel, summed */
export function powers(samples, channels) {
  const sums = new Array(channels).fill(0);
  for (let at = 0; at < samples.length; at++) sums[at % channels] += samples[at] ** 2;
  return sums;
}

/** @param {number} power of `frames` samples @returns {number} from 0, silence, to 1, as loud as can be */
export function share(power, frames) {
  const db = 10 * Math.log10(power / frames / 32768 ** 2 + 1e-12);
  return Math.max(0, Math.min(1, 1 - db / FLOOR_DB));
}
