import type { Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'
import { isCountry } from './countries.ts'
import { snapshotOf } from '../snapshot.ts'

/** From which countries nobody may enroll in a course run. */
export interface EmbargoRule {
  /** Empty: every country. */
  readonly whitelist: readonly string[]
  readonly blacklist: readonly string[]
  /** Which explanation is shown to those who are refused. */
  readonly messageKey: string
}

/**
 * Whether the rule refuses somebody from a country (rest-v1 §1.14): a real country that is not in the whitelist, or in
 * the blacklist. A country that is unknown, or none at all, is not refused.
 *
 * @param country two capital letters.
 */
export function refusesCountry({ whitelist, blacklist }: EmbargoRule, country: string | null): boolean {
  if (country === null || !isCountry(country)) return false
  return blacklist.includes(country) || (whitelist.length > 0 && !whitelist.includes(country))
}

/** For so long a rule that was changed or lifted may still be in force. */
export const RULE_LIFE_MS = 2_000

/** For so long a rule that was just made may not be in force yet. */
export const NO_RULE_LIFE_MS = 250

/** The rule of a course run, by its stored key; null where nothing is restricted. */
export type EmbargoRules = (courseKey: string) => Promise<EmbargoRule | null>

/**
 * Makes the reader of the rules. They are few and asked for with each enrollment, so all of them are read together, and
 * kept for {@link RULE_LIFE_MS}.
 *
 * @param clock milliseconds of a clock that only ever goes forward.
 */
export function embargoRules(db: Kysely<DB>, clock?: () => number): EmbargoRules {
  const rules = snapshotOf(() => readRules(db), clock)
  return async (courseKey) => {
    const known = (await rules(RULE_LIFE_MS)).get(courseKey)
    return known ?? (await rules(NO_RULE_LIFE_MS)).get(courseKey) ?? null
  }
}

async function readRules(db: Kysely<DB>): Promise<Map<string, EmbargoRule>> {
  const rows = await db
    .selectFrom('embargo_rules as r')
    .innerJoin('courses as c', 'c.id', 'r.course_id')
    .select(['c.course_key', 'r.whitelist', 'r.blacklist', 'r.message_key'])
    .execute()
  return new Map(
    rows.map(({ course_key: key, whitelist, blacklist, message_key: messageKey }) => [
      key,
      { whitelist, blacklist, messageKey },
    ]),
  )
}
