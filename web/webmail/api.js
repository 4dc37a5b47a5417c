// What the page asks the gateway for.

/**
 * @typedef {{ name: string, address: string }} Person
 * @typedef {{ name: string, separator: string | null, use: string | null, selectable: boolean,
 *   messages: number, unseen: number }} Folder
 * @typedef {{ uid: number, subject: string, from: Person[], to: Person[], date: number | null,
 *   written: number | null, size: number, seen: boolean, flagged: boolean, answered: boolean,
 *   draft: boolean, attachments: number, preview: string | null,
 *   conversation?: Conversation, untold?: string }} Row `untold`: it cannot be read, and what
 *   the mailbox's server says of that
 * @typedef {{ uids: number[], count: number, unseen: number, flagged: boolean,
 *   people: Person[] }} Conversation the others of a message that is the newest of several
 * @typedef {{ section: string, name: string, type: string, size: number }} Attachment
 * @typedef {{ folder: string, uid: number, subject: string, from: Person[], reply_to: Person[],
 *   to: Person[], cc: Person[], bcc: Person[], date: number, written: number | null,
 *   message_id: string, references: string, in_reply_to: string, text: string, html: boolean,
 *   seen: boolean, flagged: boolean, draft: boolean, attachments: Attachment[] }} Message
 * @typedef {{ user: string, address: string, csrf: string }} Session
 * @typedef {{ folder: string, total: number, exists: number, page: number, page_size: number,
 *   messages: Row[] }} Page `total` of conversations, `exists` of messages
 */

let csrf = "";

/** What the gateway said no to: `key` has a text of its own. */
export class Refusal extends Error {
  /** @param {string} key @param {string} detail @param {number} status */
  constructor(key, detail, status) {
    super(detail);
    this.key = key;
    this.status = status;
  }
}

/** @param {string} method @param {string} path @param {any} [body] @returns {Promise<any>} */
async function ask(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = { "X-CSRF": csrf };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    const text = body === undefined ? undefined : JSON.stringify(body);
    answer = await fetch(path, { method, headers, body: text });
  } catch {
    throw new Refusal("offline", "", 0);
  }
  const said = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(said.error ?? "unknown", said.detail ?? "", answer.status);
  return said;
}

/** @param {Record<string, string | number | undefined>} values */
export function query(values) {
  const set = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== "") set.set(name, String(value));
  }
  return set.toString();
}

/** @param {Session} session */
function keep(session) {
  csrf = session.csrf;
  return session;
}

/** Who is logged in, if somebody is. @returns {Promise<Session | null>} */
export async function session() {
  const known = await ask("GET", "/api/session");
  return known && keep(known);
}
/** @param {string} user @param {string} password @returns {Promise<Session>} */
export const logIn = async (user, password) =>
  keep(await ask("POST", "/api/session", { user, password }));
export const logOut = () => ask("DELETE", "/api/session");

/** @returns {Promise<Folder[]>} */
export const folders = async () => (await ask("GET", "/api/folders")).folders;
/** @param {string} name */
export const createFolder = (name) => ask("POST", "/api/folders", { name });
/** @param {string} from @param {string} to @returns {Promise<{ name: string }>} */
export const renameFolder = (from, to) => ask("POST", "/api/folders/rename", { from, to });
/** @param {string} name */
export const deleteFolder = (name) => ask("POST", "/api/folders/delete", { name });

/** Removes all its messages for good. @param {string} name */
export const emptyFolder = (name) => ask("POST", "/api/folders/empty", { name });

/** @param {string} folder @param {number} page @param {string} q @returns {Promise<Page>} */
export const messages = (folder, page, q) =>
  ask("GET", `/api/messages?${query({ folder, page, q })}`);
/** The rows of some messages, the oldest first.
 * @param {string} folder @param {number[]} uids @returns {Promise<Row[]>} */
export const rows = async (folder, uids) =>
  (await ask("GET", `/api/rows?${query({ folder, uids: uids.join(",") })}`)).messages;
/** @param {string} folder @param {number} uid @returns {Promise<Message>} */
export const message = (folder, uid) => ask("GET", `/api/message?${query({ folder, uid })}`);
/** @param {string} folder @param {number} uid @returns {Promise<number>} */
export const remoteImages = async (folder, uid) =>
  (await ask("GET", `/api/html?${query({ folder, uid, count: 1 })}`)).remote;

/**
 * Does something with messages, so many at a time as the gateway takes; where they
 * are then.
 * @param {number[]} uids @param {(some: number[]) => Promise<any>} run
 * @returns {Promise<{ to: any, uids: number[] }>}
 */
async function inParts(uids, run) {
  const done = { to: null, uids: /** @type {number[]} */ ([]) };
  for (let at = 0; at < uids.length; at += UIDS_MAX) {
    const { to, uids: there } = await run(uids.slice(at, at + UIDS_MAX));
    done.to = to;
    done.uids.push(...there ?? []);
  }
  return done;
}

/** Messages that the gateway changes at a time. */
const UIDS_MAX = 1000;

/** @param {string} folder @param {number[]} uids @param {string[]} add @param {string[]} remove */
export const flags = (folder, uids, add, remove) =>
  inParts(uids, (some) => ask("POST", "/api/flags", { folder, uids: some, add, remove }));
/** Moves messages; `uids` are their numbers there, if the server tells them.
 * @param {string} folder @param {number[]} uids @param {string} to
 * @returns {Promise<{ to: string, uids: number[] }>} */
export const move = (folder, uids, to) =>
  inParts(uids, (some) => ask("POST", "/api/move", { folder, uids: some, to }));
/** @param {string} folder @param {number[]} uids
 * @returns {Promise<{ to: string | null, uids: number[] }>} */
export const remove = (folder, uids) =>
  inParts(uids, (some) => ask("POST", "/api/delete", { folder, uids: some }));

/** @param {any} draft
 * @returns {Promise<{ folder: string, uid: number | null, sections: string[] }>} */
export const saveDraft = (draft) => ask("POST", "/api/drafts", draft);
/** @param {any} written @returns {Promise<{ refused: string[], kept: boolean }>} */
export const send = (written) => ask("POST", "/api/send", written);
