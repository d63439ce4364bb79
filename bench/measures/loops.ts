import { handEnroll, handEnrollSet, VARIANTS, type Variant } from '../baselines.ts'
import type { HandPool } from '../hand-pool.ts'
import { closedLoop } from '../load.ts'
import type { CourseLimits, World } from '../world.ts'
import type { Measure } from './measure.ts'

type Prepare = Measure['prepare']
type Learners = Pick<World, 'usernames' | 'newCourse'>

/** A limit that nobody reaches: it has to be looked at all the same. */
export const CAPPED: CourseLimits = { maxEnrollments: 1_000_000 }

/** Learners one by one into a new course, from so many callers. */
export function single(
  { usernames, newCourse }: Learners,
  callers: number,
  call: (username: string, courseId: string) => Promise<unknown>,
  limits?: CourseLimits,
): Prepare {
  return async (total) => {
    const courseId = await newCourse(limits)
    return () => closedLoop({ callers, total }, (index) => call(usernames[index] ?? '', courseId))
  }
}

/** A thousand learners at a time into a new course, from one caller. */
export function thousands(
  { usernames, newCourse }: Learners,
  call: (batch: readonly string[], courseId: string) => Promise<unknown>,
): Prepare {
  return async (total) => {
    const courseId = await newCourse()
    const calls = Math.floor(total / 1000)
    return () =>
      closedLoop({ callers: 1, total: calls, rowsPerCall: 1000 }, (index) =>
        call(usernames.slice(index * 1000, (index + 1) * 1000), courseId),
      )
  }
}

/** The name of a baseline in a variant: `hand-64`, `hand-plain-64`. */
export function inVariant(kind: string, variant: Variant, size: number): string {
  return variant === 'plain' ? `${kind}-plain-${size}` : `${kind}-${size}`
}

/** Both names. */
export function inVariants(kind: string, size: number): string[] {
  return VARIANTS.map((variant) => inVariant(kind, variant, size))
}

/** The hand-written statement from so many callers, in both variants. */
export function byHand(
  learners: Learners,
  hand: () => Promise<HandPool>,
  { kind, callers, share }: { kind: string; callers: number; share?: number },
): Measure[] {
  return VARIANTS.map((variant) => ({
    name: inVariant(kind, variant, callers),
    ...(share !== undefined && { share }),
    prepare: async (total) => {
      const { pool } = await hand()
      return single(learners, callers, (username, courseId) => handEnroll(pool, username, courseId, variant))(total)
    },
    facts: async () => ({ connections: (await hand()).size }),
  }))
}

/** One hand-written statement for a thousand learners, in both variants. */
export function setsByHand(learners: Learners, hand: () => Promise<HandPool>, kind: string): Measure[] {
  return VARIANTS.map((variant) => ({
    name: inVariant(kind, variant, 1000),
    prepare: async (total) => {
      const { pool } = await hand()
      return thousands(learners, (batch, courseId) => handEnrollSet(pool, batch, courseId, variant))(total)
    },
  }))
}
