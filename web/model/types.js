// The shapes that the server sends, for the checker and for readers. No code.

/**
 * @typedef {object} EventView
 * @property {number} id
 * @property {number} at nanoseconds since the network began
 * @property {number} cause the event because of which it happened, 0 for none
 * @property {number[]} [also] further causes
 * @property {"message" | "connection" | "note" | "fate"} type
 * @property {string} room
 * @property {number | null} [from] host id
 * @property {number | null} [to]
 * @property {string} [from_addr]
 * @property {string} [to_addr]
 * @property {string} [transport] udp, tcp, tls
 * @property {number} [connection] the number of its connection
 * @property {string} [summary]
 * @property {number} [size] bytes
 * @property {Record<string, any>} [fields] the flat fields that filters use
 * @property {string | null} [malformed]
 * @property {number} [of] a fate's message
 * @property {string} [fate] delivered, duplicated, corrupted, lost
 * @property {number} [fate_at]
 * @property {string} [kind] a note's or connection's word
 * @property {string} [reason]
 * @property {Record<string, any>} [data]
 * @property {boolean} [hit] whether the filter lets it through
 */

/**
 * @typedef {object} HostView
 * @property {number} id
 * @property {string} name
 * @property {string} label short name for the map
 * @property {string[]} addresses
 * @property {string} region
 * @property {string} site
 * @property {string} tier root, tld, authoritative, resolver, client, …
 * @property {number} x 0 to 1, across
 * @property {number} y 0 to 1, down
 * @property {number} [width] share of the width that its card may take
 * @property {string[]} services
 * @property {string | null} [person]
 */

/**
 * @typedef {object} World
 * @property {HostView[]} hosts
 * @property {{ id: string, y: number }[]} tiers top to bottom
 * @property {string[]} regions
 */

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} value
 * @property {number} start
 * @property {number} end
 * @property {string} source
 * @property {Field[]} children
 */

/**
 * @typedef {object} MessageView
 * @property {EventView} view
 * @property {{ en: string, es: string }} meaning
 * @property {string} source
 * @property {Field[]} fields
 * @property {string} bytes hexadecimal
 */

/**
 * @typedef {object} Step
 * @property {string} id
 * @property {number} at
 * @property {number} first_event
 * @property {{ en: string, es: string }} title
 * @property {{ en: string, es: string }} text
 */

/**
 * @typedef {object} Check
 * @property {string} id
 * @property {boolean} passed
 * @property {string} expected
 * @property {string} seen
 * @property {number[]} events
 * @property {number} at when it was decided
 * @property {{ en: string, es: string }} [title]
 * @property {{ en: string, es: string }} [hint]
 * @property {string} [source]
 */

/**
 * @typedef {object} Run
 * @property {string} id
 * @property {string} scenario
 * @property {{ en: string, es: string }} title
 * @property {number} seed
 * @property {string} digest
 * @property {Step[]} steps
 * @property {Check[]} checks
 * @property {EventView[]} events
 * @property {number} duration_ns
 * @property {World} world
 * @property {Change[]} [changes]
 * @property {number} [left_off] events that were too many to send
 */

/**
 * A fault in the words of scenarios, and what the page shows of it.
 * @typedef {{ fault: Record<string, any>, shown: Record<string, any> }} FaultSpec
 */

/**
 * One thing that the reader changed, at a time of the run.
 * @typedef {{ at: number, fault?: Record<string, any>, act?: Record<string, any>,
 *   shown?: Record<string, any> }} Change
 */

/**
 * @typedef {object} Scenario
 * @property {string} id
 * @property {{ en: string, es: string }} title
 * @property {string[]} course rows and statements of the course
 * @property {string} [room]
 */

/**
 * @typedef {object} Status
 * @property {string} mode sealed, loopback, virtual
 * @property {string} name
 * @property {number} seed
 * @property {number} hosts
 * @property {number} evicted
 * @property {number} now_ns
 * @property {string} version
 */

export {};
