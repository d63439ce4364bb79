import type { ReadyRow } from './prepare.ts'

/**
 * Cuts rows into the longest runs in which no person and course run come twice. Rows of a run do not see each other but
 * for the seats of a course run, which the house counts in their order; so runs one after another come to the same as
 * rows one after another.
 */
export function segmentsOf(rows: readonly ReadyRow[]): ReadyRow[][] {
  const segments: ReadyRow[][] = []
  let seen = new Set<string>()
  let segment: ReadyRow[] = []
  for (const row of rows) {
    const pair = pairOf(row)
    if (seen.has(pair)) {
      segments.push(segment)
      segment = []
      seen = new Set()
    }
    seen.add(pair)
    segment.push(row)
  }
  return segment.length > 0 ? [...segments, segment] : segments
}

function pairOf({ person, courseKey }: ReadyRow): string {
  return person.is === 'account' ? `account ${person.id} ${courseKey}` : `address ${person.email} ${courseKey}`
}
