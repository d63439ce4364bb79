import { perPool } from '../database/per-pool.ts'

/** What a pool expects of the commands that come next, by what became of the last ones. */
export interface Outlook {
  /**
   * Whether it pays to decide gathered calls ahead: the statement that writes on assumed facts costs more than one that reads, so
   * where most of the last round existed before, the next one reads first.
   */
  rounds: boolean
  /** The same for batches. */
  batches: boolean
  /** How many enrollments that were assumed to be new were so, one after another. */
  newInSuccession: number
}

/** The outlook of a pool. */
export const outlookOf = perPool((): Outlook => ({ rounds: true, batches: true, newInSuccession: 0 }))

/**
 * Whether so many enrollments are taken for new without a look, which is an eighth of what they cost. Where one exists the unique
 * index fails all of them, and they begin anew: that is twice of what they cost, and must be rare. After sixteen times as many new
 * ones it is.
 */
export function areSurelyNew({ newInSuccession }: Outlook, count: number): boolean {
  return newInSuccession >= count * 16
}

/** Notes what became of enrollments that were assumed to be new: whether all were. */
export function noteAssumed(outlook: Outlook, count: number, wereAllNew: boolean): void {
  outlook.newInSuccession = wereAllNew ? outlook.newInSuccession + count : 0
}
