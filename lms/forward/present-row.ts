import { z } from 'zod'
import type { PresentRow } from '../../core/enrollment/take-over.ts'
import type { Lms } from './lms.ts'

/** A pair of learner and course run. */
export type Pair = Pick<PresentRow, 'username' | 'courseId'>

const enrollment = z.object({ mode: z.string().min(1).max(100), is_active: z.boolean(), user: z.string() })

/**
 * Asks the LMS for an enrollment.
 *
 * @returns null: there is none, or the answer does not say.
 * @throws {LmsAway}
 */
export async function readPresentRow(lms: Lms, { username, courseId }: Pair): Promise<PresentRow | null> {
  const pair = `${encodeURIComponent(username)},${encodeURIComponent(courseId)}`
  const { status, json } = await lms.send({ method: 'GET', address: `/api/enrollment/v1/enrollment/${pair}` })
  return status === 200 ? presentRowIn(json, { username, courseId }) : null
}

/** The enrollment in a body of the LMS; null: it is about nobody, or somebody else. */
export function presentRowIn(json: unknown, { username, courseId }: Pair): PresentRow | null {
  const { data } = enrollment.safeParse(json)
  if (data === undefined || data.user !== username) return null
  return { username, courseId, mode: data.mode, isActive: data.is_active }
}
