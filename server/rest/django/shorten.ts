/** The most characters of a body that refuses something; in UTF-8 at most three times as many bytes. */
export const MAX_ERROR_LENGTH = 20_000

/**
 * Shortens a body that refuses something and repeats what was sent: long texts, lists and objects lose their ends until the
 * whole is short enough. Its form stays.
 *
 * @param serialize what turns a body into a text.
 */
export function shortenError(body: unknown, serialize: (body: unknown) => string): string {
  const text = serialize(body)
  if (text.length <= MAX_ERROR_LENGTH) return text
  const shorter = BOUNDS.map((most) => serialize(shortened(body, most)))
  return (
    shorter.find((each) => each.length <= MAX_ERROR_LENGTH) ??
    serialize({ detail: 'The error is too long to be told.' })
  )
}

/** Shortens every text in a value that repeats what was sent. Its form stays. */
export function shortenTexts(value: unknown): unknown {
  return shortened(value, { characters: 500, entries: Number.POSITIVE_INFINITY })
}

/** Characters of a text, and entries of a list or an object. */
const BOUNDS = [
  { characters: 2_000, entries: 100 },
  { characters: 500, entries: 20 },
  { characters: 100, entries: 5 },
]

function shortened(value: unknown, most: (typeof BOUNDS)[number]): unknown {
  if (typeof value === 'string') {
    return value.length <= most.characters ? value : `${value.slice(0, most.characters).toWellFormed()}…`
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.slice(0, most.entries).map((item) => shortened(item, most))
  const entries = Object.entries(value).slice(0, most.entries)
  return Object.fromEntries(entries.map(([key, item]) => [String(shortened(key, most)), shortened(item, most)]))
}
