/** The share of the time that the LMS may be kept busy by looking. */
const SHARE = 0.1

/** Says when to look again. */
export interface Pace {
  isDue(): boolean
  /** The look that has begun then is over, in so many milliseconds. */
  looked(milliseconds: number): void
}

/**
 * Keeps looks at the LMS apart: each time for so long that they take a tenth of the time at most, and never shorter than an
 * interval.
 *
 * @param clock milliseconds that only go on.
 */
export function paceOf(intervalMs: number, clock: () => number = () => performance.now()): Pace {
  let due = -Infinity
  return {
    isDue: () => clock() >= due,
    looked(milliseconds) {
      due = clock() + Math.max(intervalMs, milliseconds * (1 / SHARE - 1))
    },
  }
}
