import { randomUUID } from 'node:crypto'
import { sql, type Kysely } from 'kysely'

/** Does something whenever a row of a table is written, or when that is committed, until it is disposed of. */
export async function trap<D>(
  on: Kysely<D>,
  table: string,
  statement: string,
  { atCommit = false } = {},
): Promise<AsyncDisposable> {
  const name = `trap_${randomUUID().replaceAll('-', '')}`
  await sql
    .raw(`create function ${name}() returns trigger language plpgsql as $$ begin ${statement}; return new; end $$`)
    .execute(on)
  const when = atCommit ? 'constraint trigger' : 'trigger'
  const timing = atCommit
    ? `after insert on ${table} deferrable initially deferred`
    : `before insert or update on ${table}`
  await sql.raw(`create ${when} ${name} ${timing} for each row execute function ${name}()`).execute(on)
  return {
    async [Symbol.asyncDispose]() {
      await sql.raw(`drop function ${name} cascade`).execute(on)
    },
  }
}
