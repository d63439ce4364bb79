import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { DB } from '../core/database/schema.ts'
import { withIdempotencyKey, type Cancellation, type RunOptions } from '../routers/extension.ts'
import type { ForeignContext } from '../routers/index.ts'
import type { EnrollLearnersAnswer } from './bulk/answer.ts'
import type { BatchContext } from './bulk/batch-context.ts'
import { namedLicensesOf } from './bulk/named-licenses.ts'
import { enrollLearnersRequest, type EnrollLearnersOptions, type EnrollLearnersRequest } from './bulk/request.ts'
import { runBatch } from './bulk/run-batch.ts'
import { findActiveCustomer } from './customer.ts'
import type { EnterpriseDB, EnterpriseTables } from './database/schema.ts'
import { operationContextOf, runOperation } from './operation.ts'
import { parseRequest } from './parse-request.ts'

/**
 * Enrolls learners of a customer in course runs, each row with its honest outcome (enterprise C.4 to C.6, C.11). Link,
 * enrollment, record, fulfilment and pending enrollment of one row are written together or not at all. A batch equals its
 * rows one after another.
 *
 * On a pool, rows run in chunks of a thousand that each have a transaction; `strict`, `dryRun` and an idempotency key make
 * it one. In a caller's transaction everything happens there; after a serialization conflict its owner has to repeat it.
 *
 * @param options.signal gives it up: chunks that have not begun are not done, and those that have are kept.
 * @param options.withinMs refuses with `busy` what has not been kept after so many milliseconds.
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`: nothing was done
 * @throws {EnrollmentError} `idempotencyMismatch`; `unavailable`: on a pool nothing was done, and the call is safe to repeat
 * @throws {TypeError} for a database that cannot work
 */
export async function enrollLearners<Tables extends DB>(
  context: ForeignContext<Tables>,
  request: EnrollLearnersRequest,
  { signal, withinMs = Number.POSITIVE_INFINITY }: EnrollLearnersRun = {},
): Promise<EnrollLearnersAnswer> {
  const { customer: uuid, rows, idempotencyKey: key, reason, ...options } = parseRequest(enrollLearnersRequest, request)
  const end = performance.now() + withinMs
  const isOverdue = () => performance.now() >= end
  const enrollAll = async (
    db: Kysely<EnterpriseDB>,
    isGivenUp: () => boolean,
    cancellation: Cancellation | undefined,
  ) => {
    const customer = await findActiveCustomer(db, uuid)
    const batchId = randomUUID()
    const operation = operationContextOf(context, { reason, ownId: batchId })
    const numbered = rows.map((row, index) => ({ index, request: row }))
    const namedLicenses = namedLicensesOf(numbered, options, operation)
    const shared = { batchId, customer, options, rowCount: rows.length, namedLicenses }
    const batch: BatchContext = { ...operation, ...shared, isGivenUp, isOverdue, cancellation }
    const work = (on: Kysely<EnterpriseDB>) => runBatch(on, numbered, batch)
    if (key === undefined || options.dryRun) return work(db)
    const use = {
      actor: context.actor.name,
      scope: `enterprise.enrollLearners ${customer.uuid}`,
      key,
      input: { rows, ...withoutDefaults(options), ...(reason !== undefined && { reason }) },
      now: new Date(operation.at),
    }
    const { answer, replayed } = await withIdempotencyKey(
      db,
      use,
      (trx) => work(trx.$extendTables<EnterpriseTables>()),
      {
        keepIf: ({ status }) => status === 'applied',
      },
    )
    return replayed ? { ...answer, status: 'replayed' as const } : answer
  }
  return runOperation(context, enrollAll, { signal, isLong: true })
}

/** How long a call may take. */
interface EnrollLearnersRun extends Pick<RunOptions, 'signal'> {
  readonly withinMs?: number | undefined
}

/** What an idempotency key stands for: options that came later count only where they are used, so that old keys hold. */
function withoutDefaults({
  whenLicenseRevoked,
  whenTransactionDiffers,
  userIdsOf,
  ...others
}: EnrollLearnersOptions): Partial<EnrollLearnersOptions> {
  return {
    ...others,
    ...(whenLicenseRevoked !== 'refuse' && { whenLicenseRevoked }),
    ...(whenTransactionDiffers !== 'supersede' && { whenTransactionDiffers }),
    ...(userIdsOf !== 'anybody' && { userIdsOf }),
  }
}
