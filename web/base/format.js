// Figures for people: times, sizes, durations.

const MS = 1e6;
const SECOND = 1e9;

/** @param {number} value @param {number} width */
const padded = (value, width) => String(value).padStart(width, "0");

/** `00:00.203 118`, with hours and days when it takes them. @param {number} ns */
export function clock(ns) {
  const micros = Math.floor(Math.max(0, ns) / 1000);
  const seconds = Math.floor(micros / 1e6);
  const [days, hours] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24];
  const minutes = padded(Math.floor(seconds / 60) % 60, 2);
  const fraction = `${padded(Math.floor(micros / 1000) % 1000, 3)} ${padded(micros % 1000, 3)}`;
  const long = days > 0 || hours > 0 ? `${days > 0 ? `${days}d ` : ""}${padded(hours, 2)}:` : "";
  return `${long}${minutes}:${padded(seconds % 60, 2)}.${fraction}`;
}

/** A ladder's time: `0.203` seconds, or `1:02:03.204`. @param {number} ns */
export function moment(ns) {
  const ms = Math.round(ns / MS);
  const seconds = Math.floor(ms / 1000);
  const fraction = padded(ms % 1000, 3);
  if (seconds < 60) return `${seconds}.${fraction}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${padded(seconds % 60, 2)}.${fraction}`;
  const hours = Math.floor(minutes / 60);
  return `${hours}:${padded(minutes % 60, 2)}:${padded(seconds % 60, 2)}.${fraction}`;
}

/** A length of time: `40 ms`, `3.2 s`, `5 min`, `2 h 10 min`. @param {number} ns */
export function span(ns) {
  if (ns < MS) return `${Math.round(ns / 1000)} µs`;
  if (ns < SECOND) return `${(ns / MS).toFixed(ns < 10 * MS ? 1 : 0)} ms`;
  const seconds = ns / SECOND;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${part(Math.floor(seconds % 60), "s")}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h${part(minutes % 60, "min")}`;
  return `${Math.floor(hours / 24)} d${part(hours % 24, "h")}`;
}

/** @param {number} value @param {string} unit */
const part = (value, unit) => (value > 0 ? ` ${value} ${unit}` : "");

/** Time left as a countdown: `47:59:59`, `59:59`, `0:07`. @param {number} ns */
export function countdown(ns) {
  const left = Math.max(0, Math.ceil(ns / SECOND));
  const [hours, minutes] = [Math.floor(left / 3600), Math.floor(left / 60) % 60];
  const seconds = padded(left % 60, 2);
  return hours > 0 ? `${hours}:${padded(minutes, 2)}:${seconds}` : `${minutes}:${seconds}`;
}

/** `1,284 B`, `12.4 KiB`. @param {number} bytes */
export function size(bytes) {
  if (bytes < 10_000) return `${number(bytes)} B`;
  if (bytes < 10 * 2 ** 20) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** @param {number} value */
export const number = (value) => value.toLocaleString("en-US");

/** A host's name as short as it can be told apart on a map. @param {string} name */
export function short(name) {
  const plain = name.replace(/\.$/, "");
  if (plain.length <= 16) return plain;
  const labels = plain.split(".");
  let kept = labels[0];
  for (const label of labels.slice(1)) {
    if (kept.length + label.length > 15) break;
    kept += `.${label}`;
  }
  return kept.length > 18 ? `${kept.slice(0, 17)}…` : kept;
}
