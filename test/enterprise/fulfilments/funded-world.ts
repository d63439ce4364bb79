import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { done } from '../calls.ts'

/** Somebody enrolled whom a license or a transaction pays for. */
export interface Paid {
  readonly learner: { id: number }
  readonly courseId: string
  readonly fundingId: string
  readonly fulfilmentId: string
}

/** Enrolls a learner, by default a new one in a course run of their own, for money. */
export async function pay(
  db: Kysely<EnterpriseDB>,
  customer: { uuid: string },
  kind: 'license' | 'transaction',
  { learner, courseId, fundingId = randomUUID() }: Partial<Paid> = {},
): Promise<Paid> {
  const who = learner ?? (await addLearner(db))
  const where = courseId ?? (await addCourse(db, { modes: ['verified', 'audit'] }))
  const funding = kind === 'license' ? { license: fundingId } : { transaction: fundingId }
  const { fulfilmentId } = await done(db, customer, { userId: String(who.id), courseId: where, funding })
  if (fulfilmentId === null) throw new Error('What pays has a fulfilment')
  return { learner: who, courseId: where, fundingId, fulfilmentId }
}

/** What became of the fulfilments of a record, in words and in the order of their kinds. */
export function inWords(record: { fulfilments: readonly { kind: string; revoked: string | null }[] } | null): string[] {
  return (record?.fulfilments ?? []).map(({ kind, revoked }) => (revoked === null ? kind : `revoked ${kind}`))
}

/** Who revoked which fulfilments, and why, in the order in which that happened. */
export function revocationsOf(db: Kysely<EnterpriseDB>, fulfilmentIds: readonly string[]) {
  return db
    .selectFrom('enterprise_revocations')
    .select(['fulfilment_uuid', 'kind', 'funding_id', 'actor_kind', 'actor_name', 'request_id', 'reason', 'at'])
    .where('fulfilment_uuid', 'in', fulfilmentIds)
    .orderBy('id')
    .execute()
}
