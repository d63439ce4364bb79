import { ENROLLMENTS } from '../../import/enrollments/lms-enrollment.ts'
import type { LmsSource } from '../../source/source.ts'
import { OVERLAP_MS } from './position.ts'

/** Ids that are read at a time. */
const PAGE_SIZE = 5_000

/** Enrollments that nobody has seen. */
export interface NewIds {
  readonly ids: readonly number[]
  /** All up to this one were there long enough ago: none before it is still to come. */
  readonly floorId: number
  readonly isLast: boolean
  /** To be called when the ids were dealt with. */
  readonly forget: () => void
}

/**
 * Finds new enrollments by their ids. Ids are given out before their transactions are over, so that they do not appear in order:
 * those of the last minutes are looked at each time, and remembered.
 *
 * @param clock milliseconds that only go on.
 */
export function newIds(clock: () => number = () => performance.now()): {
  read(source: LmsSource, floorId: number): Promise<NewIds>
} {
  const seen = new Set<number>()
  /** Up to which id there were enrollments, and when; the oldest first. */
  const marks: { readonly id: number; readonly at: number }[] = []
  return {
    async read(source, floorId) {
      const rows = await source.query<{ id: number }>(
        `select id from ${ENROLLMENTS} where id > ? order by id limit ${PAGE_SIZE}`,
        [floorId],
      )
      const isLast = rows.length < PAGE_SIZE
      const highest = rows.at(-1)?.id ?? floorId
      if (highest > (marks.at(-1)?.id ?? floorId)) marks.push({ id: highest, at: clock() })
      const floor = { id: floorId }
      while (marks[0] !== undefined && marks[0].at <= clock() - OVERLAP_MS) floor.id = marks.shift()?.id ?? floor.id
      // Many at once: a page is as far as one look can go, so the next one has to begin behind it.
      if (!isLast) floor.id = highest
      const fresh = rows.map(({ id }) => id).filter((id) => !seen.has(id))
      return {
        ids: fresh,
        floorId: floor.id,
        isLast,
        forget: () => {
          for (const id of fresh) seen.add(id)
          for (const id of seen) if (id <= floor.id) seen.delete(id)
        },
      }
    },
  }
}
