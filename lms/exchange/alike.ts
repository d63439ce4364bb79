import { isObject } from './json-differences.ts'

/** What two answers are not compared in, for whoever reads the result. */
export const NOT_COMPARED = [
  'the order of modes (rest-v1 §6 19), of roles and organisations, and of enrollments of one instant',
  'what is behind `next` and `previous` (rest-v1 §0 D7), and the host in `user_message_url`',
] as const

/** The same beside it where writes are replayed. */
export const NOT_COMPARED_WHEN_WRITING = '`created` of what both sides made while this ran'

/**
 * A body of the REST API in a form in which two servers that hold the same answer the same: see {@link NOT_COMPARED}.
 *
 * @param madeSince instants of `created` from here on, in milliseconds, count as one.
 */
export function alike(body: unknown, madeSince = Infinity): unknown {
  if (Array.isArray(body)) return alikeList(body.map((item) => alike(item, madeSince)))
  if (!isObject(body)) return body
  return Object.fromEntries(Object.entries(body).map(([key, value]) => [key, alikeValue(key, value, madeSince)]))
}

function alikeValue(key: string, value: unknown, madeSince: number): unknown {
  if ((key === 'next' || key === 'previous') && typeof value === 'string') return 'a page'
  if (key === 'user_message_url' && typeof value === 'string') return URL.parse(value)?.pathname ?? value
  if (key === 'created' && typeof value === 'string') return Date.parse(value) >= madeSince ? 'now' : value
  const inner = alike(value, madeSince)
  return (key === 'course_modes' || key === 'roles') && Array.isArray(inner) ? sorted(inner) : inner
}

function alikeList(list: readonly unknown[]): unknown[] {
  if (list.every((item) => typeof item === 'string')) return sorted(list)
  const result: unknown[] = []
  for (let from = 0; from < list.length;) {
    const created = createdOf(list[from])
    let to = from + 1
    while (created !== undefined && to < list.length && createdOf(list[to]) === created) to += 1
    result.push(...sorted(list.slice(from, to)))
    from = to
  }
  return result
}

function createdOf(item: unknown): unknown {
  return isObject(item) ? item['created'] : undefined
}

function sorted(list: readonly unknown[]): unknown[] {
  const keyed = list.map((item) => ({ item, key: JSON.stringify(item) }))
  return keyed.toSorted((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key))).map(({ item }) => item)
}
