import type { ExpressionBuilder } from 'kysely'
import type { DB } from '../database/schema.ts'
import { learnerLookup, type LearnerRef } from './ref.ts'

/** SQL: `l`, the learner whom the row `a` of lookups names by `username`, `email` (folded) or `user_id`. */
export const ANY_LEARNER = `lateral (
    select * from learners where username = a.username
    union all select * from learners where fold_email(email) = a.email
    union all select * from learners where user_id = a.user_id
  ) l`

/** Whether the row of `learners as l` is the learner: username exact, e-mail address folded (rest-v1 D6, D21). */
export function isLearner(eb: ExpressionBuilder<DB & { l: DB['learners'] }, 'l'>, learner: LearnerRef) {
  const { username, email, userId } = learnerLookup(learner)
  if (username !== null) return eb('l.username', '=', username)
  if (email !== null) return eb(eb.fn<string>('fold_email', ['l.email']), '=', email)
  return eb('l.user_id', '=', userId)
}
