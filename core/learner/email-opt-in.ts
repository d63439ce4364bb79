import type { CompiledQuery, Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import type { Account } from './account.ts'

/** Below this age nobody is asked for consent: the answer is "no" (rest-v1 §1.13). */
const MINIMUM_AGE = 13

/**
 * The statement that stores whether a learner wants e-mail from an organisation. For one who may be under 13 the answer is always no.
 *
 * @param answer.value the text to keep, `True` or `False` as the legacy clients send it.
 */
export function emailOptInQuery(
  db: Kysely<DB>,
  learner: Pick<Account, 'id' | 'yearOfBirth'>,
  answer: { readonly org: string; readonly value: string; readonly now: Date },
): CompiledQuery {
  const value = mayBeTooYoung(learner.yearOfBirth, answer.now) ? 'False' : answer.value
  const updated = instantFromDate(answer.now)
  return db
    .insertInto('email_optins')
    .values({ learner_id: learner.id, org: answer.org, value, updated })
    .onConflict((conflict) => conflict.columns(['learner_id', 'org']).doUpdateSet({ value, updated }))
    .compile()
}

/** Counts the years that have certainly passed: the birthday of this year may be still to come. */
function mayBeTooYoung(yearOfBirth: number | null, now: Date): boolean {
  return yearOfBirth !== null && now.getUTCFullYear() - yearOfBirth - 1 < MINIMUM_AGE
}
