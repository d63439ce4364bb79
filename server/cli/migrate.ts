import type { Command } from 'commander'
import { migrateAll } from '../migrations.ts'
import { withAnyDatabase, type Session } from './session.ts'
import { write } from './streams.ts'

/** `migrate`: brings the database to the newest schema. */
export function addMigrate(program: Command, session: Session): void {
  program
    .command('migrate')
    .summary('bring the database to the newest schema')
    .description('Brings the database to the newest schema. Does nothing when it is there already.')
    .option('--json', 'print one JSON object: {"applied": [names]}')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- migrate
  $ DATABASE_URL=postgresql://user:password@db.example.com/enrollment npm run cli -- migrate`,
    )
    .action((options: { json?: boolean }) => migrate(session, options.json === true))
}

async function migrate(session: Session, json: boolean): Promise<void> {
  const applied = await withAnyDatabase(session, (db) => migrateAll(db, session.extensions))
  await write(session.stdout, json ? `${JSON.stringify({ applied })}\n` : `${words(applied)}\n`)
}

function words(applied: readonly string[]): string {
  return applied.length === 0 ? 'The database is at the newest schema already.' : `Applied ${applied.join(', ')}.`
}
