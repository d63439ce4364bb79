import { z } from 'zod'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { storableText } from '../../routers/extension.ts'
import { type Context } from '../../routers/index.ts'
import { findCustomer } from '../customer.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { parseRequest } from '../parse-request.ts'
import { canonicalUuid } from '../uuid.ts'
import { endLicenses } from './end-licenses.ts'
import type { LicenseResult } from './license-result.ts'
import { carryOutWhole, operationOf, type Operation } from './operation.ts'
import { lockPaid, readPaid, type PaidEnrollment } from './funded-enrollments.ts'

/** The most enrollments of a transaction that the tenant opens, and of one statement. */
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
 * Ends licenses that have expired (enterprise C.9 row 3), by the rule of `revokeLicenses`. An enrollment that fails is as
 * it was, the others are done; a repeat leaves alone what is revoked, and a license that pays for nothing has no result.
 *
 * On a pool, chunks of 500 enrollments each have a transaction. In a caller's transaction everything happens there.
 *
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`: nothing was done
 * @throws {EnrollmentError} `unavailable`: on a pool some chunks may be done, and the call is safe to repeat
 */
export async function expireLicenses(context: Context, request: ExpireLicensesRequest): Promise<ExpireLicensesAnswer> {
  const order = parseRequest(expireLicensesRequest, request)
  const operation = operationOf(context, order.reason)
  const since = order.ignoreEnrollmentsModifiedAfter
  const results = await carryOut(context.db, order, operation, since === undefined ? null : new Date(since))
  const groups = Map.groupBy(results, ({ did }) => did)
  return {
    requestId: operation.requestId,
    ok: results.every(({ success }) => success),
    counts: Object.fromEntries([...groups].map(([did, group]) => [did, group.length])),
    results,
  }
}

async function carryOut(
  db: Kysely<DB>,
  { licenses, customer }: z.output<typeof expireLicensesRequest>,
  operation: Operation,
  since: Date | null,
): Promise<LicenseResult[]> {
  const reader = db.$extendTables<EnterpriseTables>()
  const customerId = customer === undefined ? undefined : (await findCustomer(reader, customer)).id
  const fundingIds = [...new Set(licenses.flatMap((text) => canonicalUuid(text) ?? []))]
  const paid = await readPaid(reader, { kind: 'license', fundingIds, customerId })
  const results: LicenseResult[] = []
  for (const chunk of db.isTransaction ? [paid] : chunksOf(paid)) {
    const fulfilmentIds = chunk.map(({ fulfilmentId }) => fulfilmentId)
    results.push(
      ...(await carryOutWhole(db, async (trx) => {
        const done: LicenseResult[] = []
        for (const step of chunksOf(await lockPaid(trx, { fulfilmentIds }))) {
          done.push(...(await endLicenses(trx, step, operation, since)))
        }
        return done
      })),
    )
  }
  return results
}

/** What several customers know of one enrollment stays together: it is changed once. */
function chunksOf(paid: readonly PaidEnrollment[]): PaidEnrollment[][] {
  const chunks: PaidEnrollment[][] = []
  let chunk: PaidEnrollment[] = []
  for (const group of Map.groupBy(paid, ({ enrollmentId }) => enrollmentId).values()) {
    if (chunk.length > 0 && chunk.length + group.length > CHUNK) {
      chunks.push(chunk)
      chunk = []
    }
    chunk = chunk.concat(group)
  }
  return chunk.length > 0 ? [...chunks, chunk] : chunks
}
