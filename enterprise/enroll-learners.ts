import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { DB } from '../core/database/schema.ts'
import { withIdempotencyKey } from '../routers/extension.ts'
import { type Context } from '../routers/index.ts'
import { enrollLearnersRequest, type EnrollLearnersOrder, type EnrollLearnersRequest } from './bulk/request.ts'
import { findCustomer } from './customer.ts'
import type { EnterpriseTables } from './database/schema.ts'
import { run } from './bulk/run.ts'
import type { Unit } from './bulk/unit.ts'
import { errorFrom } from './failure.ts'
import type { EnrollLearnersAnswer } from './bulk/answer.ts'
import { parseRequest } from './parse-request.ts'

/**
 * Enrolls learners of a customer in course runs, each row with its honest outcome (enterprise C.4 to C.6, C.11). Link,
 * enrollment, record, fulfilment and what waits of one row are written together or not at all. A batch equals its rows one
 * after another.
 *
 * On a pool, rows run in chunks of a thousand that each have a transaction; `strict`, `dryRun` and an idempotency key make
 * it one. In a caller's transaction everything happens there; a tie that the database breaks is then its owner's to repeat.
 *
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`: nothing was done
 * @throws {EnrollmentError} `idempotencyMismatch`; `unavailable`: on a pool nothing was done, and the call is safe to repeat
 */
export async function enrollLearners(context: Context, request: EnrollLearnersRequest): Promise<EnrollLearnersAnswer> {
  const order = parseRequest(enrollLearnersRequest, request)
  try {
    return await enroll(context, order)
  } catch (error) {
    throw errorFrom(error)
  }
}

async function enroll(context: Context, { customer: uuid, rows, ...order }: EnrollLearnersOrder) {
  const { db, now: clock, requestId, ...rest } = context
  const customer = await findCustomer(db.$extendTables<EnterpriseTables>(), uuid)
  const now = clock?.() ?? new Date()
  const batchId = randomUUID()
  const unit: Unit = {
    context: rest,
    customer,
    order,
    rowCount: rows.length,
    batchId,
    requestId: requestId ?? batchId,
    at: now.toISOString(),
  }
  const asked = rows.map((row, index) => ({ index, order: row }))
  const work = (on: Kysely<DB>) => run(on, asked, unit)
  const { idempotencyKey: key, ...input } = order
  if (key === undefined || order.dryRun) return work(db)
  const use = { actor: context.actor.name, scope: `enterprise.enrollLearners ${customer.uuid}`, key, now }
  const { answer, replayed } = await withIdempotencyKey(db, { ...use, input: { rows, ...input } }, work, {
    keepIf: ({ status }) => status === 'applied',
  })
  return replayed ? { ...answer, status: 'replayed' as const } : answer
}
