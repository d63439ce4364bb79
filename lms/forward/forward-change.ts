import { sql, type Transaction } from 'kysely'
import { lockRunsOwnedByLms } from '../../core/course/lock-owner.ts'
import type { DB } from '../../core/database/schema.ts'
import { takeOver, type PresentRow } from '../../core/enrollment/take-over.ts'
import type { ForwardedChange } from '../../server/extension.ts'
import { forwardedBody } from './forwarded-body.ts'
import { LmsAway, type Lms, type LmsAnswer } from './lms.ts'
import { presentRowIn, readPresentRow } from './present-row.ts'

/** What is answered to the client. */
interface Forwarded {
  readonly status: number
  readonly raw: { readonly contentType: string; readonly text: string }
}

/**
 * Passes one change on to the LMS and takes its outcome over, whatever was answered: a refusal may come after the change, and so
 * may an error (lms.md D.4).
 *
 * @returns null: the LMS does not own the course run any more; `away`: it does not answer, or not in a way that a client could
 *   understand.
 */
export async function forwardInside(
  trx: Transaction<DB>,
  lms: Lms,
  change: ForwardedChange,
): Promise<Forwarded | 'away' | null> {
  if (!(await holdCourse(trx, change.courseId))) return null
  try {
    const before = change.isPrivileged ? null : await readPresentRow(lms, change)
    const answer = await lms.send({
      method: 'POST',
      address: change.address,
      body: forwardedBody(change, before !== null),
      acceptLanguage: change.acceptLanguage,
    })
    const present = await presentAfter(lms, change, answer)
    if (present !== null) await takeOver(trx, present, { ...change.metadata, cancellation: undefined })
    if (!isForClients(answer)) {
      change.log.warn({ status: answer.status }, 'the LMS did not answer for its clients')
      return 'away'
    }
    return { status: answer.status, raw: { contentType: answer.contentType, text: answer.text } }
  } catch (error) {
    if (!(error instanceof LmsAway)) throw error
    change.log.warn({ err: error }, 'an enrollment could not be passed on to the LMS')
    return 'away'
  }
}

/** The course run keeps its owner until the transaction ends. */
async function holdCourse(trx: Transaction<DB>, courseId: string): Promise<boolean> {
  const course = await trx.selectFrom('courses').select('id').where('course_key', '=', courseId).executeTakeFirst()
  const held = course !== undefined && (await lockRunsOwnedByLms(trx, [course.id])).size > 0
  // Ends the snapshot of the statement before: nothing is to wait for it while the LMS works.
  await sql`select 1`.execute(trx)
  return held
}

/** As the LMS has it now; where it does not tell, as its answer says. */
async function presentAfter(lms: Lms, change: ForwardedChange, answer: LmsAnswer): Promise<PresentRow | null> {
  try {
    return (await readPresentRow(lms, change)) ?? told(change, answer)
  } catch (error) {
    if (error instanceof LmsAway) return told(change, answer)
    throw error
  }
}

function told(change: ForwardedChange, { status, json }: LmsAnswer): PresentRow | null {
  return status < 300 ? presentRowIn(json, change) : null
}

/** What is about our key, about the way to the LMS or no JSON says nothing to a client; an error of the LMS itself does. */
function isForClients({ status, json }: LmsAnswer): boolean {
  if (status === 401 || status === 407 || status === 429 || (status >= 300 && status < 400)) return false
  if (status === 502 || status === 503 || status === 504) return false
  return json !== undefined || status >= 400
}
