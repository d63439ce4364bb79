import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { addEnrollment } from '../../support/world.ts'
import { license, transaction } from '../acme.ts'
import { PAST, type RowRequest } from '../calls.ts'
import { addCustomer, addLink, type SeededCustomer } from '../seed.ts'

/** What the rows of {@link everyKindOfRow} come to. */
export const EVERY_KIND = ['created', 'created', 'reactivated', 'pendingCreated', 'pendingCreated']

/** Rows that together write every table: one of whom another customer is left, one forced, one over the capacity. */
export async function everyKindOfRow(db: Kysely<EnterpriseDB>, customer: SeededCustomer): Promise<RowRequest[]> {
  const [ann, bob, cat] = (await addLearners(db, 3)).map(({ id }) => ({ id, userId: String(id) }))
  if (!ann || !bob || !cat) throw new Error('Three learners were asked for')
  const [open, full] = [await addCourse(db), await addCourse(db, { max_enrollments: 0 })]
  const closed = await addCourse(db, { enrollment_end: PAST })
  await db.insertInto('enterprise_default_intentions').values({ customer_id: customer.id, course_key: open }).execute()
  await addLink(db, await addCustomer(db), ann.id, { is_active: true })
  await addEnrollment(db, cat.id, full, { is_active: false })
  const email = `${randomUUID()}@example.com`
  return [
    { userId: ann.userId, courseId: open, funding: license('L'), isDefaultAutoEnrollment: true },
    { userId: bob.userId, courseId: closed, funding: transaction('T'), force: true },
    { userId: cat.userId, courseId: full },
    { email, courseId: open, funding: license('L') },
    { email, courseId: closed, funding: transaction('T') },
  ]
}
