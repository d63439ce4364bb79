import type { Kysely } from 'kysely'
import { findLearners } from '../../routers/extension.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { namesOfLearners, resolveNames } from '../learner/resolve-learners.ts'
import { callerOn, type OperationContext } from '../operation.ts'
import { fundingOf } from './decide-account.ts'
import { readOffers } from './facts-offers.ts'
import type { EnrollLearnersOptions } from './request.ts'
import type { NumberedRow, PreparedRow } from './rows.ts'
import type { LearnerAccount } from '../learner/resolve-learners.ts'
import type { ExistingState } from './facts-accounts.ts'

/** The licenses that a request names, by learner and course run. */
export type NamedLicenses = ReadonlyMap<string, ReadonlySet<string>>

/**
 * Prepares the question which licenses a request names for each learner and course run, whatever names it gives them. Nothing
 * is read before the question is asked, and that only once.
 */
export function namedLicensesOf(
  rows: readonly NumberedRow[],
  { whenIdentityDiffers }: Pick<EnrollLearnersOptions, 'whenIdentityDiffers'>,
  operation: OperationContext,
): (db: Kysely<EnterpriseDB>) => Promise<NamedLicenses> {
  let known: NamedLicenses | undefined
  return async (db) => {
    known ??= await readNamedLicenses(db, rows, whenIdentityDiffers, operation)
    return known
  }
}

async function readNamedLicenses(
  db: Kysely<EnterpriseDB>,
  rows: readonly NumberedRow[],
  whenIdentityDiffers: EnrollLearnersOptions['whenIdentityDiffers'],
  operation: OperationContext,
): Promise<NamedLicenses> {
  const licensed = rows.flatMap(({ request }) => {
    const funding = fundingOf(request)
    return funding.ok && funding.funding?.kind === 'license' ? [{ request, license: funding.funding.id }] : []
  })
  const names = namesOfLearners(
    licensed.map(({ request }) => request),
    whenIdentityDiffers,
  )
  const learners = resolveNames(names, await findLearners(db, names.lookup))
  const offers = await readOffers(
    callerOn(db, operation),
    licensed.map(({ request }) => request.courseId),
  )
  const named = new Map<string, Set<string>>()
  for (const [index, { request, license }] of licensed.entries()) {
    const learner = learners[index]
    const courseKey = offers.get(request.courseId)?.courseId
    if (learner?.is !== 'account' || courseKey === undefined) continue
    const pair = pairOf(learner.id, courseKey)
    named.set(pair, (named.get(pair) ?? new Set()).add(license))
  }
  return named
}

/**
 * Whether the license that a row names again may pay again: every license that the request names for the learner and the
 * course run was revoked here (enterprise-routes.md §7.2). Pure.
 */
export function namesOnlyRevoked(
  { learner, courseKey }: PreparedRow<LearnerAccount>,
  { fulfilments: { revokedFundings } }: ExistingState,
  named: NamedLicenses,
): boolean {
  const licenses = named.get(pairOf(learner.id, courseKey)) ?? []
  return [...licenses].every((license) => revokedFundings.has(license))
}

function pairOf(learnerId: number, courseKey: string): string {
  return `${learnerId} ${courseKey}`
}
