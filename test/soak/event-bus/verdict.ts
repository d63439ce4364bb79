import { uuidV5 } from '../../../server/event-bus/uuid.ts'

/** A change as the database has it. */
export interface Change {
  readonly id: string
  readonly kind: string
  readonly username: string
  readonly mode: string
  readonly isActive: boolean
}

/** An entry as a consumer of the bus gets it. */
export interface Entry {
  readonly id: string
  readonly type: string
  readonly username: string
  readonly mode: string
  readonly isActive: boolean
}

/** Entries that are not as they should be; all zero: each is there once, in order, and says what happened. */
export interface Verdict {
  readonly missing: number
  readonly doubled: number
  readonly unknown: number
  readonly outOfOrder: number
  readonly wrong: number
}

const NAMESPACE = '6f1d7a52-6c53-5d2b-9e0a-3a1f0d5c7b11'
const ENROLLMENT = 'org.openedx.learning.course.enrollment'
const UNENROLLED = 'org.openedx.learning.course.unenrollment.completed.v1'

/** Of which stream the entries are. */
export type Stream = 'enrollments' | 'unenrollments'

/** The entries that a stream should have by events.md §4, in order. */
export function expectedEntries(changes: readonly Change[], stream: Stream): Entry[] {
  return changes.flatMap(({ id, kind, ...state }) =>
    typesOf(kind, state.isActive)
      .filter((type) => (type === UNENROLLED) === (stream === 'unenrollments'))
      .map((type) => ({ ...state, type, id: uuidV5(NAMESPACE, `${id}:${type}`) })),
  )
}

function typesOf(kind: string, isActive: boolean): string[] {
  const [changed, created] = [`${ENROLLMENT}.changed.v1`, `${ENROLLMENT}.created.v1`]
  if (kind === 'deactivated') return [changed, UNENROLLED]
  return ['created', 'reactivated'].includes(kind) && isActive ? [changed, created] : [changed]
}

/** Holds what a stream has against what it should have. */
export function verdictOn(expected: readonly Entry[], found: readonly Entry[]): Verdict {
  const places = new Map(expected.map((entry, place) => [entry.id, { entry, place }]))
  const seen = new Set<string>()
  let [doubled, unknown, outOfOrder, wrong, last] = [0, 0, 0, 0, -1]
  for (const entry of found) {
    const known = places.get(entry.id)
    if (known === undefined) unknown += 1
    else if (seen.has(entry.id)) doubled += 1
    else {
      seen.add(entry.id)
      if (known.place < last) outOfOrder += 1
      last = Math.max(last, known.place)
      if (!saysTheSame(known.entry, entry)) wrong += 1
    }
  }
  return { missing: expected.length - seen.size, doubled, unknown, outOfOrder, wrong }
}

function saysTheSame(one: Entry, other: Entry): boolean {
  return (['type', 'username', 'mode', 'isActive'] as const).every((name) => one[name] === other[name])
}
