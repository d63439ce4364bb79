/** So many differences of two values are told. */
const MOST = 20

/** The value of a text that is JSON; undefined where it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** A value that is an object, and no list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Where two JSON values differ, whatever the order of keys: `results[0].mode: "audit" and "honor"`. Empty: they are equal.
 *
 * @param place the path of both.
 */
export function jsonDifferences(first: unknown, second: unknown, place = ''): string[] {
  if (Array.isArray(first) && Array.isArray(second)) return listDifferences(first, second, place)
  if (isObject(first) && isObject(second)) {
    const keys = [...new Set([...Object.keys(first), ...Object.keys(second)])]
    return keys
      .flatMap((key) => jsonDifferences(first[key], second[key], place === '' ? key : `${place}.${key}`))
      .slice(0, MOST)
  }
  if (Object.is(first, second)) return []
  return [`${place === '' ? 'the body' : place}: ${inWords(first)} and ${inWords(second)}`]
}

function listDifferences(first: readonly unknown[], second: readonly unknown[], place: string): string[] {
  const count = first.length === second.length ? [] : [`${place}: ${first.length} and ${second.length} items`]
  const length = Math.min(first.length, second.length)
  const items = Array.from({ length }, (_, index) => index).flatMap((index) =>
    jsonDifferences(first[index], second[index], `${place}[${index}]`),
  )
  return [...count, ...items].slice(0, MOST)
}

const LONGEST_VALUE = 120

function inWords(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
}
