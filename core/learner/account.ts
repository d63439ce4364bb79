import type { Kysely } from 'kysely'
import { coalescedRead } from '../database/coalesced-read.ts'
import type { DB } from '../database/schema.ts'
import { learnerLookup, type LearnerRef } from './ref.ts'
import { resolveLearners, type Account } from './resolve.ts'

export type { Account } from './resolve.ts'

/** Finds an account by one of its names; null when there is none. */
export async function findAccount(db: Kysely<DB>, learner: LearnerRef): Promise<Account | null> {
  const { username, email, userId } = learnerLookup(learner)
  if (username !== null) return (await accountByUsername(db, username)) ?? null
  if (email !== null) return (await resolveLearners(db, { emails: [email] })).byEmail.get(email) ?? null
  return userId === null ? null : ((await resolveLearners(db, { userIds: [userId] })).byUserId.get(userId) ?? null)
}

const accountByUsername = coalescedRead(async (db, usernames) => (await resolveLearners(db, { usernames })).byUsername)
