import { afterAll, expect, test } from 'vitest'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { counting } from '../../support/counting.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { addEnrollment } from '../../support/world.ts'
import { license, transaction } from '../acme.ts'
import { contextOf, type Options, type RowRequest } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
let addresses = 0

test.each<[string, Options]>([
  ['bestEffort', {}],
  ['strict', { failureMode: 'strict' }],
  ['a dry run', { dryRun: true }],
  ['with an idempotency key', { idempotencyKey: 'key' }],
])('%s takes as many statements for 500 rows as for 10', async (name, options) => {
  const counts = []
  for (const size of [10, 500]) {
    const rows = await fresh(size)
    // The second time all of them are enrolled.
    for (const repeat of ['first', 'again']) {
      const key = options.idempotencyKey === undefined ? {} : { idempotencyKey: `${name} ${size} ${repeat}` }
      counts.push(await statementsFor(rows, { notify: true, ...options, ...key }))
    }
  }
  const [few, fewAgain, many, manyAgain] = counts
  expect([many, manyAgain]).toEqual([few, fewAgain])
  expect(Math.max(...counts)).toBeLessThanOrEqual(32)
})

test('the count does see statements: row by row they grow', async () => {
  const counts = []
  for (const size of [2, 20]) {
    let sum = 0
    for (const row of await fresh(size)) sum += await statementsFor([row], {})
    counts.push(sum)
  }
  expect(counts[1]).toBeGreaterThan(5 * (counts[0] ?? 0))
})

/**
 * Rows of every kind, in as many course runs: learners, addresses, those who come back over the capacity, funding of both
 * kinds, force in a course run that is over.
 */
async function fresh(size: number): Promise<RowRequest[]> {
  const learners = await addLearners(db, size)
  const [open, full] = [await addCourse(db), await addCourse(db, { max_enrollments: 0 })]
  const closed = await addCourse(db, { enrollment_end: '2026-02-01T00:00:00Z' })
  const values = { customer_id: customer.id, course_key: open }
  await db.insertInto('enterprise_default_intentions').values(values).execute()
  for (const { id } of learners.filter((_, index) => index % 5 === 2)) {
    await addEnrollment(db, id, full, { is_active: false })
  }
  return learners.map(({ id, email }, index): RowRequest => {
    const funding = index % 2 === 0 ? license('L') : transaction('T')
    addresses += 1
    const kinds: RowRequest[] = [
      { userId: String(id), courseId: open, funding, isDefaultAutoEnrollment: true },
      { email, courseId: closed, funding, force: true },
      { userId: String(id), courseId: full, funding },
      { email: `new${addresses}@example.com`, courseId: full, funding },
      { email: `new${addresses}@example.com`, courseId: `course-v1:No+Such+${index}` },
    ]
    return kinds[index % 5] ?? { userId: String(id), courseId: open }
  })
}

async function statementsFor(rows: RowRequest[], options: Options): Promise<number> {
  const counted = counting(db)
  await enrollLearners(contextOf(counted.db), { customer: customer.uuid, rows, ...options })
  return counted.statements()
}
