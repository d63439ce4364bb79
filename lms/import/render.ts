import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { AccountReference, DraftLine, Line } from './subject.ts'

/** Lines with the usernames that their accounts have here; null: there is no such account. */
export type Render = (line: DraftLine) => Line | null

/** Reads the usernames of the accounts that lines name by their ids in the LMS. */
export async function renderer(db: Kysely<DB>, lines: readonly DraftLine[]): Promise<Render> {
  const ids = new Set(lines.flatMap((line) => accountsOf(line)))
  const usernames = await usernamesOf(db, [...ids])
  return (line) => {
    const rendered: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(line)) {
      if (!isReference(value)) rendered[key] = value
      else {
        const username = usernames.get(value.account)
        if (username === undefined) return null
        rendered[key] = username
      }
    }
    return { ...rendered, type: line.type }
  }
}

/** Why a line cannot be written: an account that it names is not here. */
export function missingAccount(line: DraftLine): string {
  return `there is no account with the id ${accountsOf(line).join(', ')}`
}

async function usernamesOf(db: Kysely<DB>, ids: readonly number[]): Promise<ReadonlyMap<number, string>> {
  // What is larger is the id of no account here.
  const possible = ids.filter((id) => Number.isInteger(id) && id >= 1 && id <= 2_147_483_647)
  if (possible.length === 0) return new Map()
  const { rows } = await sql<{ user_id: number; username: string }>`
    select user_id, username from learners where is_id_of_lms and user_id = any (${possible}::integer[])`.execute(db)
  return new Map(rows.map((row) => [row.user_id, row.username]))
}

function accountsOf(line: DraftLine): number[] {
  return Object.values(line).flatMap((value) => (isReference(value) ? value.account : []))
}

function isReference(value: DraftLine[string]): value is AccountReference {
  return typeof value === 'object' && value !== null && 'account' in value
}
