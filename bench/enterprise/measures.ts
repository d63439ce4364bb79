import { randomUUID } from 'node:crypto'
import { enrollLearners } from '../../enterprise/enroll-learners.ts'
import { counting } from '../../test/support/counting.ts'
import type { Measurement } from '../load.ts'
import type { LoadProcess } from '../load-process.ts'
import type { BenchServer } from '../server.ts'
import type { BenchCustomer } from './customer.ts'

export interface BatchCost {
  readonly milliseconds: number
  readonly statements: number
}

/**
 * Enrolls new learners in all course runs of the customer with one call, as a license manager does: by e-mail address,
 * with a license each, and to be told.
 */
export async function enrollBatch(customer: BenchCustomer, learners: number): Promise<BatchCost> {
  const rows = customer.takeLearners(learners).flatMap((username) => {
    const funding = { license: randomUUID() }
    return customer.courseIds.map((courseId) => ({ email: `${username}@example.com`, courseId, funding }))
  })
  const { db, statements } = counting(customer.db)
  const actor = { kind: 'service', name: 'bench' } as const
  const started = performance.now()
  const { counts } = await enrollLearners({ db, actor }, { customer: customer.uuid, rows, notify: true })
  const milliseconds = performance.now() - started
  if (counts.created !== rows.length) throw new Error(`Not all rows were created: ${JSON.stringify(counts)}`)
  return { milliseconds, statements: statements() }
}

/** Enrolls new learners in all course runs of the customer through the REST door, a request for each pair. */
export async function enrollOneByOne(
  { customer, server, load }: { customer: BenchCustomer; server: BenchServer; load: LoadProcess },
  learners: number,
  connections: number,
): Promise<Measurement> {
  const pairs = customer
    .takeLearners(learners)
    .flatMap((username) => customer.courseIds.map((courseId) => ({ username, courseId })))
  return load.run({
    door: 'http',
    url: `${server.restUrl}/enrollment`,
    apiKey: server.apiKey,
    callers: connections,
    usernames: pairs.map(({ username }) => username),
    courseId: pairs.map(({ courseId }) => courseId),
  })
}
