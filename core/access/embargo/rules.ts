import { sql, type Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'
import { isCountry } from './countries.ts'
import { networksOf, type Networks } from '../../webhook/address.ts'
import { snapshotOf } from '../snapshot.ts'

/** What holds for all course runs (adoption.md §1). */
export interface PlatformEmbargo {
  /** No course run lets them in. */
  readonly countries: readonly string[]
  /** Addresses that are let in whatever their country, and those that are let in nowhere. */
  readonly allowed: Networks
  readonly refused: Networks
}

/** What an embargo says of an enrollment: by what its rules let it pass, or by which country or address they refuse it. */
export type EmbargoVerdict = { readonly passes: true } | { readonly passes: false; readonly because: string | null }

const PASSES: EmbargoVerdict = { passes: true }

/**
 * Decides by addresses: one that is kept out is refused everywhere, and whoever comes from one that is let in passes, whatever
 * their country. Null: they say nothing. Pure.
 *
 * @param addresses the last is that of whoever asks, the others of whom they came through; null: it is none.
 */
export function judgeAddresses(
  { allowed, refused }: PlatformEmbargo,
  addresses: readonly (string | null)[],
): EmbargoVerdict | null {
  const kept = addresses.find((address) => address !== null && refused.has(address))
  if (kept !== undefined) return { passes: false, because: kept }
  const asking = addresses.at(-1) ?? null
  return asking !== null && allowed.has(asking) ? PASSES : null
}

/**
 * Decides by countries: first those of the whole platform, then the rule of the course run. Pure.
 *
 * @param rule null: the course run has none.
 */
export function judgeCountries(
  { countries }: PlatformEmbargo,
  rule: EmbargoRule | null,
  of: readonly (string | null)[],
): EmbargoVerdict {
  const platform: EmbargoRule = { whitelist: [], blacklist: countries, messageKey: 'default' }
  const country =
    of.find((one) => refusesCountry(platform, one)) ?? of.find((one) => rule !== null && refusesCountry(rule, one))
  return country === undefined ? PASSES : { passes: false, because: country }
}

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

/** The rule of a course run, by its stored key, null where it has none; and what holds for all course runs. */
export interface EmbargoRules {
  of(courseKey: string): Promise<EmbargoRule | null>
  platform(): Promise<PlatformEmbargo>
}

/**
 * Makes the reader of the rules. They are few and asked for with each enrollment, so all of them are read together, and
 * kept for {@link RULE_LIFE_MS}.
 *
 * @param clock milliseconds of a clock that only ever goes forward.
 */
export function embargoRules(db: Kysely<DB>, clock?: () => number): EmbargoRules {
  const rules = snapshotOf(() => readRules(db), clock)
  const platform = snapshotOf(() => readPlatform(db), clock)
  return {
    async of(courseKey) {
      const known = (await rules(RULE_LIFE_MS)).get(courseKey)
      return known ?? (await rules(NO_RULE_LIFE_MS)).get(courseKey) ?? null
    },
    platform: () => platform(NO_RULE_LIFE_MS),
  }
}

async function readPlatform(db: Kysely<DB>): Promise<PlatformEmbargo> {
  const { rows } = await sql<{ country: string | null; network: string | null; is_allowed: boolean }>`
    select country, null as network, false as is_allowed from embargo_countries
    union all select null, network::text, is_allowed from embargo_addresses`.execute(db)
  const networks = (isAllowed: boolean) =>
    networksOf(rows.flatMap(({ network, is_allowed }) => (network !== null && is_allowed === isAllowed ? network : [])))
  return {
    countries: rows.flatMap(({ country }) => country ?? []),
    allowed: networks(true),
    refused: networks(false),
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
