import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { importLines } from '../../core/import-export/import.ts'
import { enterpriseLineTypes } from '../../enterprise/import-export/line-types.ts'
import type { SeedLine } from './lines.ts'

/**
 * Imports lines, all or none.
 *
 * @throws {Error} that names the lines which cannot be imported, by their place in the list from 0.
 */
export async function importSeed(db: Kysely<DB>, seed: readonly SeedLine[]): Promise<void> {
  const failures: string[] = []
  const onFailure = ({ line, reason }: { readonly line: number; readonly reason: string }) =>
    void failures.push(`seed[${line - 1}]: ${reason}`)
  const actor = { kind: 'system', name: 'test' } as const
  const options = { strict: true, now: new Date(), actor, further: enterpriseLineTypes, onFailure }
  await importLines(db, asFile(seed), options)
  if (failures.length > 0) throw new Error(`The seed cannot be imported:\n${failures.join('\n')}`)
}

async function* asFile(lines: readonly SeedLine[]): AsyncGenerator<string> {
  for (const line of lines) yield `${JSON.stringify(line)}\n`
}
