import { afterAll, describe, expect, test, vi } from 'vitest'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { observed } from '../../support/observed.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { contextOf, kindsOf, type RowRequest } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn } from '../state.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)

describe('a batch whose time is over (enterprise-routes.md §3 a7)', () => {
  test('keeps nothing, and is told as worth repeating', async () => {
    const rows = await rowsOf(2)
    const untouched = await everythingIn(db)
    const answer = await enrollLearners(contextOf(slow(20)), { customer: customer.uuid, rows }, { withinMs: 50 })
    expect(kindsOf(answer)).toEqual(['busy', 'busy'])
    expect(answer.rows[0]).toMatchObject({ retryable: true })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('keeps the chunks that were kept before', async () => {
    const rows = await rowsOf(1_001)
    let chunks = 0
    const withinMs = 60_000
    const now = performance.now.bind(performance)
    using clock = vi.spyOn(performance, 'now')
    const late = observed(db, (text) => {
      // The batch is written once for each chunk, and the second one takes too long.
      if (text.includes('into "enterprise_batches"')) chunks += 1
      if (chunks === 2) clock.mockImplementation(() => now() + withinMs)
    })
    const answer = await enrollLearners(contextOf(late), { customer: customer.uuid, rows }, { withinMs })
    expect(answer.counts).toEqual({ created: 1_000, busy: 1 })
  })

  test('has no end unless it is told one', async () => {
    const answer = await enrollLearners(contextOf(slow(20)), { customer: customer.uuid, rows: await rowsOf(2) })
    expect(kindsOf(answer)).toEqual(['created', 'created'])
  })
})

/** The database, of which each statement takes longer. */
function slow(ms: number) {
  return observed(db, () => new Promise((resolve) => setTimeout(resolve, ms)))
}

async function rowsOf(size: number): Promise<RowRequest[]> {
  const courseId = await addCourse(db)
  return (await addLearners(db, size)).map(({ id }) => ({ userId: String(id), courseId }))
}
