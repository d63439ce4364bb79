import { sql, type Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { resolveRows, type GroupContext, type GroupOutcome, type Numbered } from './group-importer.ts'
import { trackHolders } from './holders.ts'
import type { LineOf } from './lines.ts'
import { quote } from './printable.ts'
import { learnerFinder, noAccount } from './references.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const RETIREMENTS = {
  table: 'retirements',
  conflict: 'learner_id',
  match: 't.learner_id = line.learner_id',
  columns: {
    learner_id: ['integer', 'key'],
    original_username: ['text', 'value'],
    original_email: ['text', 'optional'],
    state: ['text', 'value'],
    updated: ['timestamptz', 'metadata'],
  },
} as const satisfies UpsertTarget

/** Imports retirements, one an account; a new one without `originalUsername` is under the username that the account has. */
export async function importRetirements(
  trx: Transaction<DB>,
  lines: readonly Numbered<'retirement'>[],
  { metadata, added }: GroupContext,
): Promise<GroupOutcome> {
  const usernames = lines.map(({ line }) => line.username)
  const learnerIdOf = await learnerFinder(trx, usernames, added)
  const learnerIds = lines.flatMap(({ number, line }) => learnerIdOf(line.username, number) ?? [])
  const stored = await readOriginalNames(trx, learnerIds, lines.map(nameOf))
  const holders = trackHolders(stored)
  const updated = instantFromDate(metadata.now)
  const { rows, failures } = resolveRows<LineOf<'retirement'>, RetirementRow>(lines, (numbered, earlier) => {
    const { username, originalUsername, originalEmail, state } = numbered.line
    const learnerId = learnerIdOf(username, numbered.number)
    if (learnerId === undefined) return { reason: `username: ${noAccount(username)}` }
    const key = String(learnerId)
    const original = originalUsername ?? earlier(key)?.original_username ?? stored.get(key) ?? username
    if ((holders.holderOf(original) ?? key) !== key) {
      const place = originalUsername === undefined ? 'username' : 'originalUsername'
      return { reason: `${place}: ${quote(original)} is the former name of another retired account` }
    }
    holders.give(key, original)
    const email = originalEmail ?? earlier(key)?.original_email ?? null
    return {
      key,
      row: { learner_id: learnerId, original_username: original, original_email: email, state, updated },
    }
  })
  await releaseNames(trx, holders.passedOn())
  return { failures, ...(await upsert(trx, RETIREMENTS, rows)) }
}

interface RetirementRow {
  readonly learner_id: number
  readonly original_username: string
  /** Null: stays as it is. */
  readonly original_email: string | null
  readonly state: string
  readonly updated: string
}

function nameOf({ line }: Numbered<'retirement'>): string {
  return line.originalUsername ?? line.username
}

/** The original usernames of accounts, and of whoever has one of the names, by the id of the account. */
async function readOriginalNames(
  trx: Transaction<DB>,
  learnerIds: readonly number[],
  names: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await sql<{ learner_id: number; original_username: string }>`
    select learner_id, original_username from retirements
    where learner_id = any (${learnerIds}::integer[]) or original_username = any (${names}::text[])`.execute(trx)
  return new Map(rows.map((row) => [String(row.learner_id), row.original_username]))
}

/** A unique index looks at each row of a statement, so that a name has to be released before it is given. */
async function releaseNames(trx: Transaction<DB>, learnerIds: readonly string[]): Promise<void> {
  if (learnerIds.length === 0) return
  await sql`update retirements set original_username = 'released ' || gen_random_uuid()
    where learner_id = any (${learnerIds}::integer[])`.execute(trx)
}

const REQUESTS = {
  table: 'retirement_requests',
  conflict: 'learner_id',
  match: 't.learner_id = line.learner_id',
  columns: { learner_id: ['integer', 'key'], created: ['timestamptz', 'value'] },
} as const satisfies UpsertTarget

/** Imports who has asked to be retired. */
export async function importRetirementRequests(
  trx: Transaction<DB>,
  lines: readonly Numbered<'retirementRequest'>[],
  { added }: GroupContext,
): Promise<GroupOutcome> {
  const usernames = lines.map(({ line }) => line.username)
  const learnerIdOf = await learnerFinder(trx, usernames, added)
  const { rows, failures } = resolveRows(lines, ({ number, line: { username, created } }) => {
    const learnerId = learnerIdOf(username, number)
    if (learnerId === undefined) return { reason: `username: ${noAccount(username)}` }
    return { key: String(learnerId), row: { learner_id: learnerId, created } }
  })
  return { failures, ...(await upsert(trx, REQUESTS, rows)) }
}
