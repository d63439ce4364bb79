import { sql } from 'kysely'
import type { Database } from '../../../core/database/open.ts'
import { CommandError } from '../failure.ts'

/**
 * The id of the job that is named: by its id, by the beginning of it, or as `last`.
 *
 * @param options `isKept`: whether `last` passes over dry runs. Who undoes the last job after looking at a dry run of that means the job.
 * @throws {CommandError} where no job or more than one has it, with ids that there are.
 */
export async function jobIdNamed(
  db: Database,
  name: string,
  { isKept = false }: { readonly isKept?: boolean } = {},
): Promise<string> {
  if (FULL.test(name)) return name
  const text = name.toLowerCase()
  const found = name === 'last' ? await latest(db, { isKept, limit: 1 }) : await beginningWith(db, text)
  const [id, ...more] = found
  if (id === undefined) throw new CommandError(`There is no bulk job '${name}'. ${await known(db)}`)
  if (more.length > 0) throw new CommandError(`More than one bulk job begins with '${name}': ${found.join(', ')}.`)
  return id
}

const FULL = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const BEGINNING = /^[0-9a-f-]{2,35}$/

async function beginningWith(db: Database, text: string): Promise<string[]> {
  if (!BEGINNING.test(text)) return []
  const jobs = await db
    .selectFrom('bulk_jobs')
    .select('id')
    .where(sql<boolean>`starts_with(id::text, ${text}::text)`)
    .limit(5)
    .execute()
  return jobs.map(({ id }) => id)
}

async function latest(
  db: Database,
  { isKept, limit }: { readonly isKept: boolean; readonly limit: number },
): Promise<string[]> {
  const all = db.selectFrom('bulk_jobs').select('id').orderBy('number', 'desc').limit(limit)
  const jobs = await (isKept ? all.where('is_dry_run', '=', false) : all).execute()
  return jobs.map(({ id }) => id)
}

async function known(db: Database): Promise<string> {
  const ids = await latest(db, { isKept: false, limit: 3 })
  return ids.length === 0 ? 'There are no jobs yet.' : `The latest are ${ids.join(', ')}; all: bulk list.`
}
