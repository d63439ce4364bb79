/** The share of the time that the LMS may be kept busy by looking. */
const SHARE = 0.2

/** Says when to look again. */
export interface Pace {
  isDue(): boolean
  /** A look is over that has kept the LMS busy for so many milliseconds. */
  looked(milliseconds: number): void
}

/**
 * Keeps looks at the LMS apart: each time for so long that they take a fifth of the time at most, and never shorter than an
 * interval. One look that took long, as when the LMS did not answer for a while, makes none wait.
 *
 * @param clock milliseconds that only go on.
 */
export function paceOf(intervalMs: number, clock: () => number = () => performance.now()): Pace {
  let due = -Infinity
  let last = 0
  return {
    isDue: () => clock() >= due,
    looked(milliseconds) {
      due = clock() + Math.max(intervalMs, Math.min(milliseconds, last) * (1 / SHARE - 1))
      last = milliseconds
    },
  }
}
