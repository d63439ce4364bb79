import { sql, type Kysely } from 'kysely'
import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { EnrollmentError, failure } from '../../core/errors.ts'
import { isLearner } from '../../core/learner/lookup-sql.ts'
import { foldEmail } from '../../core/learner/email-address.ts'
import { storableText } from '../../core/text.ts'
import { query } from '../../routers/operation.ts'
import type { EnterpriseTables } from '../../enterprise/database/schema.ts'
import { beginningWith } from './page.ts'
import { readFunding, fundedEnrollment, customerLink, waitingEnrollment } from './funding.ts'

const account = {
  userId: z.string(),
  username: z.string(),
  name: z.string(),
  email: z.string().nullable(),
  isActive: z.boolean(),
}

const MAX_FOUND = 50

/** Accounts whose username or address begins with the text, or whose id it is. */
export const findLearners = query({
  input: z.strictObject({ text: storableText(320).trim().min(1) }),
  output: z.array(z.strictObject(account)),
  handler: async ({ db }, { text }) => {
    const exact = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : null
    const rows = await selectAccounts(db)
      .where((eb) =>
        eb.or([
          eb('l.username', 'like', beginningWith(text)),
          sql<boolean>`fold_email(l.email) like ${beginningWith(foldEmail(text))}`,
          eb('l.user_id', '=', exact),
        ]),
      )
      .orderBy('l.username')
      .limit(MAX_FOUND)
      .execute()
    return rows.map(({ userId, ...row }) => ({
      userId: String(userId),
      ...{ username: row.username, name: row.name, email: row.email, isActive: row.isActive },
    }))
  },
})

/**
 * One account with what waits for its address and who pays for its enrollments. What it is enrolled in is `enrollment.list`, what has
 * changed is `events.list`.
 */
export const getLearner = query({
  input: z.strictObject({ username: storableText(150).min(1) }),
  output: z.strictObject({
    ...account,
    isDisabled: z.boolean(),
    created: z.string(),
    allowances: z.array(
      z.strictObject({ courseId: z.string(), autoEnroll: z.boolean(), isClaimed: z.boolean(), created: z.string() }),
    ),
    customers: z.array(customerLink),
    funded: z.array(fundedEnrollment),
    waiting: z.array(waitingEnrollment),
  }),
  handler: async ({ db }, learner) => {
    const row = await selectAccounts(db)
      .select('l.id')
      .where((eb) => isLearner(eb, learner))
      .executeTakeFirst()
    if (row === undefined) throw new EnrollmentError(failure('learnerNotFound', learner))
    const { id, ...found } = row
    return {
      ...found,
      userId: String(found.userId),
      allowances: await readAllowances(db, found.email),
      ...(await readFunding(db.$extendTables<EnterpriseTables>(), { id, email: found.email })),
    }
  },
})

function selectAccounts(db: Kysely<DB>) {
  return db
    .selectFrom('learners as l')
    .select([
      'l.user_id as userId',
      'l.username',
      'l.name',
      'l.email',
      'l.is_active as isActive',
      'l.is_disabled as isDisabled',
      'l.created',
    ])
}

/** What the holder of an address is allowed, or enrolled in by itself when they sign up. */
async function readAllowances(db: Kysely<DB>, email: string | null) {
  if (email === null) return []
  return db
    .selectFrom('enrollment_allowances')
    .select(['course_key as courseId', 'auto_enroll as autoEnroll', 'created'])
    .select(sql<boolean>`claimed_by is not null`.as('isClaimed'))
    .where(sql<boolean>`fold_email(email) = ${foldEmail(email)}`)
    .orderBy('created', 'desc')
    .limit(1_000)
    .execute()
}
