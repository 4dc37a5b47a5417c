// Protocols: a letter and a colour each, so that neither alone carries the meaning.

/** @type {Record<string, string>} */
const LETTERS = {
  dns: "D", mail: "M", http: "H", torrent: "T", stream: "V", cdn: "C", sockets: "S",
  lab: "L", other: "O",
};

/** The rooms in the order of the course. */
export const ROOMS = Object.keys(LETTERS);

/** @param {string} room */
export const letter = (room) => LETTERS[room] ?? "O";

/** The class that colours an element as its protocol. @param {string} room */
export const roomClass = (room) => `room-${room in LETTERS ? room : "other"}`;
