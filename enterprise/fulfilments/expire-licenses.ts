import type { Kysely } from 'kysely'
import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { EnrollmentError, failure } from '../../core/errors.ts'
import { storableText, type RunOptions } from '../../routers/extension.ts'
import type { ForeignContext } from '../../routers/index.ts'
import { countBy } from '../count-by.ts'
import { findCustomer } from '../customer.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { operationContextOf, runAtomically, runOperation, type OperationContext } from '../operation.ts'
import { parseRequest } from '../parse-request.ts'
import { canonicalUuid } from '../uuid.ts'
import { lockFundedEnrollments, readFundedEnrollments, type FundedEnrollment } from './funded-enrollments.ts'
import type { LicenseResult } from './license-result.ts'
import { applyLicenseRule } from './license-rule.ts'

/** The most enrollments of one transaction, and of one statement. */
const CHUNK = 500

const licenseUuid = z.string().refine((text) => canonicalUuid(text) !== null, { error: 'Not a UUID' })

/** What `expireLicenses` takes. */
const expireLicensesRequest = z.strictObject({
  licenses: z.array(licenseUuid).min(1),
  /** ISO 8601 with an offset, to the millisecond: enrollments that were changed then or later are left alone. */
  ignoreEnrollmentsModifiedAfter: z.iso.datetime({ offset: true }).optional(),
  /** The UUID of the customer; licenses of others are left alone then. */
  customer: z.string().optional(),
  reason: storableText(2000).optional(),
})

export type ExpireLicensesRequest = z.input<typeof expireLicensesRequest>

export interface ExpireLicensesAnswer {
  requestId: string
  /** Whether no enrollment failed. */
  ok: boolean
  /** How many results there are of each `did`. */
  counts: Record<string, number>
  /** One for each enrollment that a license pays for, by learner. */
  results: LicenseResult[]
}

/**
 * Revokes licenses that have expired (enterprise C.9 row 3), by the rule of `revokeLicenses`. An enrollment that fails is as
 * it was, the others are done; a repeat leaves alone what is revoked, and a license that pays for nothing has no result.
 *
 * On a pool, chunks of 500 enrollments each have a transaction, and the time of a call. In a caller's transaction everything
 * happens there.
 *
 * @param options.signal gives it up: chunks that have not begun are not done.
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`: nothing was done
 * @throws {EnrollmentError} `unavailable`: on a pool some chunks may be done, and the call is safe to repeat
 * @throws {TypeError} for a database that cannot work
 */
export async function expireLicenses<Tables extends DB>(
  context: ForeignContext<Tables>,
  request: ExpireLicensesRequest,
  { signal }: Pick<RunOptions, 'signal'> = {},
): Promise<ExpireLicensesAnswer> {
  const { licenses, customer, ignoreEnrollmentsModifiedAfter, reason } = parseRequest(expireLicensesRequest, request)
  const since = ignoreEnrollmentsModifiedAfter === undefined ? null : new Date(ignoreEnrollmentsModifiedAfter)
  const expireAll = async (db: Kysely<EnterpriseDB>, isGivenUp: () => boolean) => {
    const operation = operationContextOf(context, { reason })
    const customerId = customer === undefined ? undefined : (await findCustomer(db, customer)).id
    const fundingIds = [...new Set(licenses.flatMap((text) => canonicalUuid(text) ?? []))]
    const funded = await readFundedEnrollments(db, { kind: 'license', fundingIds, customerId })
    const results: LicenseResult[] = []
    for (const chunk of db.isTransaction ? [funded] : chunksOf(funded)) {
      if (isGivenUp()) throw new EnrollmentError(failure('unavailable', {}))
      results.push(...(await expireInTime(db, chunk, { operation, since })))
    }
    return {
      requestId: operation.requestId,
      ok: results.every(({ success }) => success),
      counts: countBy(results, ({ did }) => did),
      results,
    }
  }
  return runOperation(context, expireAll, { signal, isLong: true })
}

interface Rule {
  readonly operation: OperationContext
  /** What was changed at this instant or after it is left alone; null: no matter when. */
  readonly since: Date | null
}

/** On a pool a chunk is a call with its deadline. In a caller's transaction the time-outs of its owner rule. */
function expireInTime(
  db: Kysely<EnterpriseDB>,
  chunk: readonly FundedEnrollment[],
  rule: Rule,
): Promise<LicenseResult[]> {
  if (db.isTransaction) return expireChunk(db, chunk, rule, () => false)
  return runOperation({ db }, (pool, isGivenUp) => expireChunk(pool, chunk, rule, isGivenUp))
}

/** @param isLate whether nobody waits for it any more: it is not kept then. */
function expireChunk(
  db: Kysely<EnterpriseDB>,
  chunk: readonly FundedEnrollment[],
  { operation, since }: Rule,
  isLate: () => boolean,
): Promise<LicenseResult[]> {
  const fulfilmentIds = chunk.map(({ fulfilmentId }) => fulfilmentId)
  return runAtomically(db, async (trx) => {
    const results: LicenseResult[] = []
    for (const step of chunksOf(await lockFundedEnrollments(trx, { fulfilmentIds }))) {
      results.push(...(await applyLicenseRule(trx, step, operation, since)))
    }
    if (isLate()) throw new EnrollmentError(failure('unavailable', {}))
    return results
  })
}

/** What several customers know of one enrollment stays together: it is changed once. */
function chunksOf(funded: readonly FundedEnrollment[]): FundedEnrollment[][] {
  const chunks: FundedEnrollment[][] = []
  let chunk: FundedEnrollment[] = []
  for (const group of Map.groupBy(funded, ({ enrollmentId }) => enrollmentId).values()) {
    if (chunk.length > 0 && chunk.length + group.length > CHUNK) {
      chunks.push(chunk)
      chunk = []
    }
    chunk = chunk.concat(group)
  }
  return chunk.length > 0 ? [...chunks, chunk] : chunks
}
