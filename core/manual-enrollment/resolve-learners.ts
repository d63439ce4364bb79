import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { isEmailAddress } from '../learner/email-address.ts'
import { learnerLookup } from '../learner/ref.ts'
import type { ManualResult } from './request.ts'

/** Somebody who was named, with an account or without one. */
export interface Person {
  readonly identifier: string
  /** The same for each name of one person. */
  readonly id: string
  readonly account: PersonsAccount | null
  /** Null: the account has none. */
  readonly email: string | null
}

export interface PersonsAccount {
  readonly id: number
  readonly isActive: boolean
  /** Is being forgotten, or was: nobody is invited at such an address. */
  readonly isRetired: boolean
}

/** An identifier that names nobody, or more than one. */
export interface Nobody {
  readonly identifier: string
  readonly result: ManualResult
}

/** Whether somebody was found. */
export function isPerson(named: Person | Nobody): named is Person {
  return !('result' in named)
}

/** Finds out in one statement who is meant: by username, which is exact, or by e-mail address, which is not. */
export async function readPeople(db: Kysely<DB>, identifiers: readonly string[]): Promise<(Person | Nobody)[]> {
  const usernames = identifiers.map((username) => learnerLookup({ username }).username)
  const emails = identifiers.map((email) => learnerLookup({ email }).email)
  const { rows } = await sql<Row>`
    select a.n::integer as n, lower(a.email) as lower_email, l.id, l.email, l.is_active,
      exists (select from retirements r where r.learner_id = l.id) as is_retired
    from unnest(${usernames}::text[], ${emails}::text[]) with ordinality as a (username, email, n)
    left join lateral (
      select id, email, is_active from learners where username = a.username
      union select id, email, is_active from learners where lower(email) = lower(a.email)
    ) l on true`.execute(db)
  const found = Map.groupBy(rows, (row) => row.n)
  return identifiers.map((identifier, index) => personOf(identifier, found.get(index + 1) ?? []))
}

interface Row {
  n: number
  lower_email: string | null
  /** Null together with the other columns of the account. */
  id: number | null
  email: string | null
  is_active: boolean
  is_retired: boolean
}

function personOf(identifier: string, [row, ...others]: Row[]): Person | Nobody {
  if (others.length > 0) return nobody({ identifier, kind: 'failed', because: 'ambiguous' })
  if (row?.id) {
    const account = { id: row.id, isActive: row.is_active, isRetired: row.is_retired }
    return { identifier, id: `account ${row.id}`, account, email: row.email }
  }
  if (!isEmailAddress(identifier)) return nobody({ identifier, kind: 'invalidIdentifier' })
  return { identifier, id: `address ${row?.lower_email}`, account: null, email: identifier }
}

function nobody(result: ManualResult): Nobody {
  return { identifier: result.identifier, result }
}
